"""The implied beta of models that are at the optimum of their ELBO."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.diagnosis.sensitivity import decoder_sensitivity
from tests.diagnosis import linear_gaussian as truth
from tests.diagnosis.intervals import within


def test_implied_beta_of_an_optimum_is_the_weight_of_the_kl():
    """However many dimensions are inactive: their posterior is the prior, without any slope."""
    vae, x = truth.optimum(np.where(np.arange(64) < 3, 5.0, 0.0), np.log(2.0), 1000)
    report = kvae.diagnose(vae, x)
    assert within(report.sensitivity.implied_beta, 1.0)
    assert report.sensitivity.implied_beta.stderr < 0.1
    assert report.verdict.state == "healthy"
    assert "implied_beta" not in [finding.name for finding in report.findings]


def on_the_sphere(latent_dim, radius, scale):
    """Return a VAE of x = r u + s e, u uniform on the sphere, e standard normal; and such data.

    The true posterior is proportional to exp(k u . x / |x|) with k = r |x| / s^2. A power spherical
    one, (1 + u . x / |x|)^(2 r^2 / s^2), agrees with it where k is large.
    """
    d = latent_dim
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.UniformSphere(d))
    posterior = kvae.layers.PowerSpherical(d, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentNormal(d)
    encoder = kvae.networks.mlp_encoder(d, posterior.params_size, hidden=())
    decoder = kvae.networks.mlp_decoder(d, likelihood.params_shape, hidden=())
    concentration = 2.0 * radius**2 / scale**2  # softplus leaves numbers of this size as they are
    direction = np.concatenate([np.eye(d), np.zeros((d, 1))], axis=1)
    encoder.get_layer("encoder_params").set_weights(
        [direction, np.append(np.zeros(d), concentration)]
    )
    truth.set_affine(decoder, np.full(d, radius), np.zeros(d), np.full(d, scale))
    vae = kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
    rng = np.random.default_rng(0)
    u = rng.standard_normal((1000, d))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return vae, (radius * u + scale * rng.standard_normal((1000, d))).astype("float32")


@pytest.mark.parametrize("latent_dim", [2, 5])
def test_implied_beta_of_an_optimum_on_the_sphere(latent_dim):
    """The sphere has latent_dim - 1 dimensions."""
    report = kvae.diagnose(*on_the_sphere(latent_dim, 5.0, np.log(2.0)))
    assert within(report.sensitivity.implied_beta, 1.0)
    assert report.sensitivity.implied_beta.stderr < 0.05
    assert "implied_beta" not in [finding.name for finding in report.findings]


@pytest.mark.parametrize("concentration", [8.0, 20.0])
def test_implied_beta_on_the_sphere_under_a_prior_that_is_not_uniform(concentration):
    """It is the ratio of two derivatives, here by 200,000 draws and a small step."""
    posterior = tfd.PowerSpherical([1.0, 0.0, 0.0], concentration)
    prior = tfd.PowerSpherical([0.0, 0.8, 0.6], 6.0)

    def log_likelihood(z):
        return 3.0 * z[..., 0]

    class Vector:
        latent_dim, on_sphere = 3, True

        def draw(self, x, seed, draws):
            return posterior.sample((draws, tf.shape(x)[0]), seed=seed), None

        def log_prob(self, z, x):
            return log_likelihood(z)

        def prior(self):
            return prior

    mean, draws = posterior.mean(), posterior.sample(200_000, seed=[2, 3])

    def moved(factor):
        return tf.math.l2_normalize(mean + factor * (draws - mean), axis=-1)

    def slope(function):
        return float(np.mean(function(moved(1.01)) - function(moved(0.99)))) / 0.02

    kl_slope = 2.0 * float(tf.reduce_sum(mean**2)) + slope(prior.log_prob)
    rows = np.tile(mean, (4000, 1))
    found = decoder_sensitivity(Vector(), np.zeros((4000, 1), "float32"), rows, [0, 1])
    assert found.implied_beta.value == pytest.approx(-slope(log_likelihood) / kl_slope, rel=0.1)
