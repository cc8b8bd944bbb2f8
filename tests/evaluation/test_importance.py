"""The importance-weighted bound against a model whose likelihood is known in closed form."""

import keras
import numpy as np
import pytest

import kvae
from kvae.evaluation import importance_sampled_log_likelihood
from tests.helpers import assert_same_in_float32

W = np.array([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.8]])  # x = W z + noise
NOISE = 0.5


def log_normal(x, covariance):
    """log N(x; 0, covariance) of rows."""
    _, log_det = np.linalg.slogdet(2.0 * np.pi * covariance)
    return -0.5 * (np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x) + log_det)


@pytest.fixture
def linear_gaussian():
    """Return (exact) -> a VAE with x|z ~ N(Wz, 0.25 I) and Gaussian posterior, exact or wide."""

    def make(exact):
        precision = W.T @ W / NOISE**2 + np.eye(2)
        mean = np.linalg.solve(precision, W.T / NOISE**2)  # E[z|x] = mean x
        chol = np.linalg.cholesky(np.linalg.inv(precision)) if exact else 0.6 * np.eye(2)
        kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        posterior = kvae.layers.MultivariateNormalTriL(2, activity_regularizer=kl)
        likelihood = kvae.layers.IndependentNormal(3)
        encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
        decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
        raw = np.log(np.expm1(np.diag(chol) - 1e-5))
        vae = kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
        # FillTriangular puts params [a, b, c] to [[c, 0], [b, a]].
        encoder.layers[0].set_weights(
            [
                np.concatenate([mean.T, np.zeros((3, 3))], axis=1),
                np.array([0.0, 0.0, raw[1], chol[1, 0], raw[0]]),
            ]
        )
        raw_noise = np.log(np.expm1(NOISE))
        decoder.layers[0].set_weights(
            [np.concatenate([W.T, np.zeros((2, 3))], axis=1), np.repeat([0.0, raw_noise], 3)]
        )
        return vae

    return make


@pytest.fixture
def data(rng):
    x = rng.normal(size=(50, 2)) @ W.T + NOISE * rng.normal(size=(50, 3))
    return x.astype("float32"), log_normal(x, W @ W.T + NOISE**2 * np.eye(3))


def test_the_true_posterior_gives_the_likelihood_with_any_number_of_samples(linear_gaussian, data):
    x, expected = data
    for samples in (1, 7):
        found = importance_sampled_log_likelihood(linear_gaussian(True), x, samples=samples)
        # Every weight is p(x): what is left is float32 rounding of three densities.
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_wrong_posterior_gets_there_with_many_samples(linear_gaussian, data):
    x, expected = data
    vae = linear_gaussian(False)
    one, many = (importance_sampled_log_likelihood(vae, x, samples=k) for k in (1, 5000))
    assert one.mean() < expected.mean() - 0.1
    # A mean over 50 examples, each with a standard error near sqrt(2 / 5000) = 0.02.
    assert abs(many.mean() - expected.mean()) < 0.02


def test_chunks_and_batches_do_not_change_what_is_estimated(linear_gaussian, data, monkeypatch):
    x, expected = data
    monkeypatch.setattr("kvae.evaluation.importance.ROWS", 64)  # 13 chunks of up to 5 draws
    found = importance_sampled_log_likelihood(linear_gaussian(True), x, samples=64, batch_size=11)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_sample_is_the_elbo(linear_gaussian, data):
    x, _ = data
    vae = linear_gaussian(False)
    tiled = np.tile(x, (2_000, 1))
    bound = importance_sampled_log_likelihood(vae, tiled, samples=1).mean()
    elbo = vae.elbo(tiled, seed=5).mean()
    # 100,000 draws of a log weight with a standard deviation of about three: an error of 0.01.
    assert abs(bound - elbo) < 0.05


def test_same_seed_same_number(vae, grey):
    first, again, other = (
        importance_sampled_log_likelihood(vae, grey, samples=5, seed=seed) for seed in (1, 1, 2)
    )
    assert_same_in_float32(first, again)
    assert not np.array_equal(first, other)


def test_invalid_arguments_are_refused(vae, grey):
    with pytest.raises(ValueError, match="samples"):
        importance_sampled_log_likelihood(vae, grey, samples=0)
    with pytest.raises(ValueError, match=r"Expected vae to be a kvae.VAE"):
        importance_sampled_log_likelihood(vae.decoder, grey)
    with pytest.raises(ValueError, match=r"Expected x to have shape"):
        importance_sampled_log_likelihood(vae, grey[..., 0])
