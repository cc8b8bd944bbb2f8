"""The latent axes: KL, ranking and safe ranges."""

import numpy as np
import pytest

import kvae
from kvae.evaluation.axes import kl_by_axis, safe_ranges


def test_kl_by_axis_is_that_of_tensorflow_probability(rng):
    from tensorflow_probability import distributions as tfd

    mean, stddev = rng.normal(size=(5, 3)), rng.uniform(0.1, 3.0, (5, 3))
    expected = tfd.kl_divergence(tfd.Normal(mean, stddev), tfd.Normal(np.float64(0.0), 1.0))
    np.testing.assert_allclose(kl_by_axis(mean, stddev), expected, rtol=1e-12)


def test_axes_are_ranked_by_their_kl_and_share_the_whole(trained_vae, digits):
    axes = kvae.evaluation.latent_axes(trained_vae, digits[1])
    assert [axis.kl for axis in axes] == sorted((axis.kl for axis in axes), reverse=True)
    assert sum(axis.share for axis in axes) == pytest.approx(1.0)
    kl = kl_by_axis(*trained_vae.encode(digits[1])).mean(axis=0)
    for axis in axes:
        assert axis.kl == pytest.approx(kl[axis.index], rel=1e-5)  # sums of float32 and float64


@pytest.mark.parametrize("seed", [0, 7])
def test_draws_are_independent_of_data_made_with_the_same_seed(seed):
    # With the noise that made the means, the aggregate would have a deviation of 2, not sqrt(2).
    mean = np.random.default_rng(seed).standard_normal((20_000, 2))
    low, high = safe_ranges(mean, np.ones_like(mean), seed)
    # The 0.5% quantile of 20,000 draws has a standard error of 0.05 deviations.
    np.testing.assert_allclose(high, 2.576 * np.sqrt(2.0), atol=0.25)
    np.testing.assert_allclose(low, -2.576 * np.sqrt(2.0), atol=0.25)
