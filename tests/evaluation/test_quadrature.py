"""A nonlinear model with one latent dimension: its likelihood by numerical integration."""

import keras
import numpy as np
import pytest

import kvae
from tests.helpers import raw_scale
from tests.small import kl

LOW, HIGH, STEPS = -8.0, 8.0, 4001


@pytest.fixture(scope="module")
def model():
    """A VAE with random weights that are large enough for posteriors with two modes."""
    keras.utils.set_random_seed(3)
    posterior = kvae.layers.MultivariateNormalDiag(1, activity_regularizer=kl(1))
    likelihood = kvae.layers.IndependentBernoulli(6)
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(6, posterior.params_size, hidden=(4,)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(1, likelihood.params_shape, hidden=(8,)),
        likelihood=likelihood,
    )
    rng = np.random.default_rng(5)
    for weight in vae.decoder.weights:
        weight.assign(1.5 * rng.normal(size=weight.shape))
    for weight in vae.encoder.weights:  # q(z|x) is about N(0, 1.5^2)
        weight.assign(np.zeros(weight.shape))
    vae.encoder.get_layer("encoder_params").bias.assign([0.0, raw_scale(1.5)])
    return vae


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).integers(0, 2, (30, 6)).astype("float32")


@pytest.fixture(scope="module")
def expected(model, x):
    """log of the integral of N(z; 0, 1) p(x|z) dz."""
    z = np.linspace(LOW, HIGH, STEPS)
    logits = np.asarray(model.decoder(z[:, None].astype("float32")), "float64")  # (STEPS, 6)
    ones, zeros = -np.logaddexp(0.0, -logits), -np.logaddexp(0.0, logits)
    log_joint = x @ ones.T + (1.0 - x) @ zeros.T - 0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)
    return np.logaddexp.reduce(log_joint, axis=1) + np.log((HIGH - LOW) / (STEPS - 1))


def test_importance_sampling_finds_the_integral(model, x, expected):
    found = kvae.evaluation.log_likelihood(model, x, samples=20_000)
    assert found.mean == pytest.approx(expected.mean(), abs=0.01)
    np.testing.assert_allclose(found.per_example, expected, atol=0.1)


def test_annealing_finds_the_integral(model, x, expected):
    found = kvae.evaluation.annealed_importance_sampling(model, x, 200, chains=64, leapfrogs=4)
    error = np.sqrt(np.mean(1.0 / found.effective_samples) / len(x))
    assert found.mean == pytest.approx(expected.mean(), abs=4.0 * error)
    assert error < 0.05
