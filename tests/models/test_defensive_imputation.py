"""Imputation where the encoder is wrong about rows with gaps, against conditional moments."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.models import imputation
from tests.helpers import raw_scale
from tests.models.test_missing import make_missing

W = np.array([[1.0], [1.0], [1.0]])  # probabilistic PCA: x = W z + noise
NOISE = 0.3
COVARIANCE = W @ W.T + NOISE**2 * np.eye(3)
DRAWS = 4000


def kl_to(prior):
    return kvae.regularizers.KLDivergenceRegularizer(prior)


def exact_for_complete_rows():
    """Return p(x|z) = N(W z, 0.09 I) with q(z|x) = p(z|x), zeros in the place of what is missing.

    It is the encoder that was fitted to complete rows alone: it does not look at the mask.
    """
    posterior = kvae.layers.MultivariateNormalDiag(
        1,
        activity_regularizer=kl_to(kvae.priors.StandardNormal(1)),
    )
    likelihood = make_missing(kvae.layers.IndependentNormal(3)).likelihood_layer
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    decoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(6)])
    vae = kvae.VAE(encoder, posterior, decoder, likelihood, missing=True)
    variance = 1.0 / (1.0 + (W**2).sum() / NOISE**2)
    kernel = np.zeros((6, 2))
    kernel[:3, 0] = variance * W[:, 0] / NOISE**2
    encoder.set_weights([kernel, np.array([0.0, raw_scale(np.sqrt(variance))])])
    params = np.repeat([0.0, raw_scale(NOISE)], 3)
    decoder.set_weights([np.hstack([W.T, np.zeros((1, 3))]), params])
    return vae


@pytest.fixture(scope="module")
def vae():
    return exact_for_complete_rows()


def conditional(row):
    """Return mean and standard deviation of the missing elements given the observed ones."""
    known = np.isfinite(row)
    gain = COVARIANCE[np.ix_(~known, known)] @ np.linalg.inv(COVARIANCE[np.ix_(known, known)])
    within = COVARIANCE[np.ix_(~known, ~known)] - gain @ COVARIANCE[np.ix_(known, ~known)]
    return gain @ row[known], np.sqrt(np.diag(within))


ROWS = [[3.0, np.nan, np.nan], [-2.0, -2.2, np.nan], [np.nan, 0.4, np.nan], [np.nan] * 3]


@pytest.mark.parametrize("row", ROWS)
def test_the_mean_is_right_although_the_encoder_has_seen_complete_rows_alone(vae, row):
    row = np.array(row)
    mean, spread = conditional(row)
    found = vae.impute(np.tile(row, (8, 1)), draws=DRAWS, seed=0)[:, np.isnan(row)]
    # Half of the draws are from p(z), with weights in proportion to p(x_o|z) at least where q is
    # wrong. Their effective number is E[w]^2 / E[w^2] of 2,000: of the farthest row 15, in each of
    # 8 independent estimates.
    error = 4.0 * spread / np.sqrt(8 * 15)
    assert np.all(np.abs(found.mean(axis=0) - mean) < error)


def test_draws_have_the_conditional_spread(vae):
    row = np.array([2.0, np.nan, np.nan])
    mean, spread = conditional(row)
    found = vae.impute(np.tile(row, (500, 1)), draws=500, seed=1, kind="draw")[:, 1:]
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4.0 * spread / np.sqrt(500))
    np.testing.assert_allclose(found.std(axis=0), spread, rtol=4.0 / np.sqrt(2 * 500))


@keras.saving.register_keras_serializable(package="test_defensive_imputation")
class WithoutNormals(kvae.priors.StandardNormal):
    """A prior that is sampled by its distribution alone."""

    def from_normal(self, normal, condition=None):
        """Raise, as `Prior` does."""
        return kvae.priors.Prior.from_normal(self, normal, condition)


@keras.saving.register_keras_serializable(package="test_defensive_imputation")
class WithoutSampler(WithoutNormals):
    """A prior with a density alone."""

    def make_distribution(self, condition=None):
        """Return N(0, I), which refuses to be sampled."""

        class Density(tfd.MultivariateNormalDiag):
            def sample(self, *arguments, **kwargs):
                raise NotImplementedError("no sampler")

        return Density(tf.zeros(self.event_shape), tf.ones(self.event_shape))


FAMILIES = {
    "mixture": lambda: (kvae.layers.MultivariateNormalDiag, kvae.priors.GaussianMixture(2, 3)),
    "flow prior": lambda: (kvae.layers.MultivariateNormalTriL, kvae.priors.Flow(2)),
    "flow posterior": lambda: (
        kvae.layers.InverseAutoregressiveFlow,
        kvae.priors.StandardNormal(2),
    ),
    "posteriors as the prior": lambda: (
        kvae.layers.MultivariateNormalTriL,
        kvae.priors.VampPrior(2, 3, num_components=4),
    ),
    "affine": lambda: (
        kvae.layers.MultivariateNormalDiag,
        kvae.priors.Affine(kvae.priors.GaussianMixture(2, 3)),
    ),
    "sphere": lambda: (kvae.layers.PowerSpherical, kvae.priors.UniformSphere(2)),
    "own sampler": lambda: (kvae.layers.MultivariateNormalDiag, WithoutNormals(2)),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_converges_to_the_ratio_of_integrals(family):
    keras.utils.set_random_seed(1)
    posterior, prior = FAMILIES[family]()
    layer = posterior(2, activity_regularizer=kl_to(prior))
    vae = make_missing(kvae.layers.IndependentNormal(3), 2, layer)
    row = np.array([[1.0, np.nan, np.nan]], "float32")
    found = vae.impute(row, draws=DRAWS, seed=3)[0, 1:]
    # A plain Monte Carlo sum over other draws from the prior.
    z = prior.distribution().sample(20_000, seed=[5, 6])
    likelihood = vae.generate({"z": z})
    weight = tf.nn.softmax(likelihood.log_prob(tf.tile(tf.constant(row), [20_000, 1])))
    expected = tf.reduce_sum(weight[:, None] * likelihood.mean(), axis=0)[1:]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_without_a_sampler_of_the_prior_all_draws_are_from_the_posterior(monkeypatch):
    layer = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl_to(WithoutSampler(2)))
    model = make_missing(kvae.layers.IndependentNormal(3), 2, layer)
    shapes, inner = [], imputation.log_weights

    def kept(model, inputs, latents, batch, from_prior):
        shapes.append((latents["z"].value.shape[0], from_prior))
        return inner(model, inputs, latents, batch, from_prior)

    monkeypatch.setattr(imputation, "log_weights", kept)
    assert np.isfinite(model.impute(np.array(ROWS), draws=6, seed=0)).all()
    assert shapes[0] == (6, None)


def test_the_prior_of_a_condition_is_sampled_at_the_condition():
    keras.utils.set_random_seed(1)
    condition = kvae.conditions.Classes(2)
    layer = kvae.layers.MultivariateNormalDiag(
        1, activity_regularizer=kl_to(kvae.priors.ConditionalNormal(1, 2))
    )
    likelihood = kvae.layers.IndependentNormal(2)
    mlp = kvae.networks
    vae = kvae.ConditionalVAE(
        mlp.mlp_encoder(4, layer.params_size, (8,), condition_dim=2),
        layer,
        mlp.mlp_decoder(1, likelihood.params_shape, (8,), condition_dim=2),
        likelihood,
        condition,
        missing=True,
    )
    for weight in vae.prior.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    x = np.full((40, 2), np.nan, "float32")  # nothing is observed: the mean under the prior
    classes = np.arange(40) % 2
    found = vae.impute({"x": x, "condition": classes}, draws=1000, seed=0)
    means = []
    for label in (0, 1):
        vector = vae.condition_vector(np.array([label]), x[:1])
        z = vae.prior.distribution(vector).sample(20_000, seed=[5, 6])[:, 0]
        means.append(vae.decode(z, condition=label).mean(axis=0))
        np.testing.assert_allclose(found[classes == label].mean(axis=0), means[-1], atol=0.1)
    assert np.abs(means[0] - means[1]).max() > 0.3


@pytest.mark.parametrize("draws", [1, 3])
def test_few_draws_are_enough_for_a_finite_estimate(vae, draws):
    assert np.isfinite(vae.impute(np.array(ROWS[:3]), draws=draws, seed=0)).all()
