"""A group of latent variables with several draws."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.contract import Latent

DRAWS, BATCH, SIZE = 3, 4, 2


@pytest.fixture
def numbers(rng):
    return rng.normal(size=(5, DRAWS, BATCH, SIZE)).astype("float32")


def group(numbers, per_draw):
    """Return a group of normals, which differ with the draws where they are `per_draw`."""
    value, *moments = numbers
    loc, scale, prior_loc, prior_scale = moments if per_draw else (each[0] for each in moments)
    posterior = tfd.MultivariateNormalDiag(loc, np.exp(scale))
    prior = tfd.MultivariateNormalDiag(prior_loc, np.exp(prior_scale))
    return Latent(tf.constant(value), posterior, prior, per_draw=per_draw, state="of all draws")


@pytest.mark.parametrize("per_draw", [False, True])
def test_the_first_draw_comes_with_its_own_posterior_and_prior(numbers, per_draw):
    latent = group(numbers, per_draw)
    latent.kl()
    first = latent.first()
    value, loc, scale, prior_loc, prior_scale = numbers[:, 0]
    np.testing.assert_array_equal(first.value, value)
    np.testing.assert_array_equal(first.posterior.mean(), loc)
    np.testing.assert_allclose(first.posterior.stddev(), np.exp(scale), rtol=1e-6)
    np.testing.assert_array_equal(first.prior.mean(), prior_loc)
    np.testing.assert_allclose(first.prior.stddev(), np.exp(prior_scale), rtol=1e-6)
    assert not first.per_draw
    assert first.state is None
    ratio, moved = np.exp(2.0 * (scale - prior_scale)), (loc - prior_loc) / np.exp(prior_scale)
    expected = 0.5 * np.sum(ratio + moved**2 - 1.0 - np.log(ratio), axis=-1)
    np.testing.assert_allclose(first.kl(), expected, rtol=1e-4)


def test_the_kl_of_posteriors_that_differ_with_the_draws_is_their_mean(numbers):
    latent = group(numbers, per_draw=True)
    expected = tfd.kl_divergence(latent.posterior, latent.prior)
    np.testing.assert_allclose(latent.kl(), np.mean(expected, axis=0), rtol=1e-5)
