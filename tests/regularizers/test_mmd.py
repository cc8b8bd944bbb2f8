"""Maximum mean discrepancy against sums over pairs, and what it is for two normals."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from kvae.noise import standard_normal
from kvae.regularizers import MaximumMeanDiscrepancy
from tests.helpers import assert_same_in_float32
from tests.penalties import penalty

tfd = tfp.distributions
PRIOR = kvae.priors.StandardNormal(2)


def by_loops(z, draws, bandwidth, unbiased, weight=None):
    """MMD^2 as a weighted mean over pairs."""
    weight = np.ones(len(z)) if weight is None else weight

    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2.0 * bandwidth**2))

    def mean(a, b, wa, wb, skip):
        pairs = [
            (wa[i] * wb[j], kernel(a[i], b[j]))
            for i in range(len(a))
            for j in range(len(b))
            if not (skip and i == j)
        ]
        total = sum(w for w, _ in pairs)
        return sum(w * k for w, k in pairs) / total

    one = np.ones(len(draws))
    return (
        mean(z, z, weight, weight, unbiased)
        - 2.0 * mean(z, draws, weight, one, False)
        + mean(draws, draws, one, one, unbiased)
    )


def prior_draws(count, seed=(0, 0)):
    """What the penalty draws with its seed and the training step."""
    return np.asarray(standard_normal([count, 2], seed))


def codes(rng, count, loc=0.5):
    z = rng.normal(size=(count, 2)).astype("float32") + np.float32(loc)
    return z, tfd.MultivariateNormalDiag(z, tf.fill(z.shape, 0.1))


def test_the_inverse_multiquadratic_kernel_is_that_of_wae(rng):
    """C / (C + |a - b|^2) with C = 2 d in d dimensions, as a mean over distinct pairs."""
    z, posterior = codes(rng, 9)
    draws, c = prior_draws(9), 4.0

    def mean(a, b, distinct):
        squares = np.sum((a[:, None] - b[None]) ** 2, axis=2, dtype="float64")
        kernel = c / (c + squares)
        return kernel[~np.eye(9, dtype=bool)].mean() if distinct else kernel.mean()

    expected = mean(z, z, True) - 2.0 * mean(z, draws, False) + mean(draws, draws, True)
    found = penalty(MaximumMeanDiscrepancy(PRIOR, kernel="imq"), posterior, z)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="Expected kernel to be one of"):
        MaximumMeanDiscrepancy(PRIOR, kernel="linear")


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("bandwidth", [None, 0.7])
def test_it_is_a_mean_over_pairs(rng, unbiased, bandwidth):
    z, posterior = codes(rng, 9)
    mmd = MaximumMeanDiscrepancy(PRIOR, bandwidth, unbiased, weight=30.0, seed=4)
    draws = prior_draws(9, seed=[4, 12])
    expected = by_loops(z, draws, bandwidth or np.sqrt(2.0), unbiased)
    found = penalty(mmd, posterior, z, step=tf.constant(12, tf.int64))
    assert float(found) == pytest.approx(30.0 * expected, abs=30.0 * 1e-6)


def test_weights_choose_the_examples(rng):
    z, posterior = codes(rng, 6)
    weight = np.array([1.0, 2.0, 0.0, 1.0, 0.0, 2.0])
    mmd = MaximumMeanDiscrepancy(PRIOR)
    draws = prior_draws(6)
    expected = by_loops(z, draws, np.sqrt(2.0), True, weight)
    assert float(penalty(mmd, posterior, z, sample_weight=weight)) == pytest.approx(
        expected, abs=1e-6
    )


def test_a_batch_of_one_has_the_biased_estimate(rng):
    z, posterior = codes(rng, 1)
    draws = prior_draws(1)
    expected = by_loops(z, draws, np.sqrt(2.0), unbiased=False)
    assert float(penalty(MaximumMeanDiscrepancy(PRIOR), posterior, z)) == pytest.approx(
        expected, abs=1e-6
    )


def of_many_batches(mmd, rng, steps):
    """The penalty of batches of 20 standard normals."""
    _, posterior = codes(rng, 20)
    score = tf.function(lambda z, step: penalty(mmd, posterior, z, step=step), autograph=False)
    z = tf.constant(rng.normal(size=(steps, 20, 2)), tf.float32)
    return [float(score(z[step], tf.constant(step))) for step in range(steps)]


def test_equal_distributions_have_none_in_expectation(rng):
    found = of_many_batches(MaximumMeanDiscrepancy(PRIOR), rng, 300)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4.0 * error
    assert error < 0.005
    assert min(found) < 0.0 < max(found)


def test_the_biased_estimate_is_never_negative(rng):
    mmd = MaximumMeanDiscrepancy(PRIOR, unbiased=False)
    assert min(of_many_batches(mmd, rng, 50)) >= 0.0


def test_two_normals_have_the_value_of_the_closed_form(rng):
    """For N(m, I) and N(0, I), a Gaussian kernel of width h: 2 (h^2/(h^2+2))^(d/2) (1 - e^...)."""
    z, posterior = codes(rng, 2_000, loc=1.0)
    h2, squared = 2.0, 2.0
    factor = (h2 / (h2 + 2.0)) ** 1.0  # d / 2 = 1
    expected = 2.0 * factor * (1.0 - np.exp(-squared / (2.0 * (h2 + 2.0))))
    found = float(penalty(MaximumMeanDiscrepancy(PRIOR), posterior, z))
    # The standard deviation of the estimate at 2,000 draws is about 0.008.
    assert found == pytest.approx(expected, abs=0.03)


def test_the_prior_is_drawn_anew_at_each_step_and_the_same_after_resuming(rng):
    z, posterior = codes(rng, 5)
    mmd = MaximumMeanDiscrepancy(PRIOR)
    first, again, later = (float(penalty(mmd, posterior, z, step=step)) for step in (3, 3, 4))
    assert_same_in_float32(again, first)
    other = float(penalty(MaximumMeanDiscrepancy(PRIOR, seed=1), posterior, z, step=3))
    for value in (later, other):
        assert abs(value - first) > 1e-3 * abs(first)


def test_the_normals_are_normal_and_the_same_under_xla():
    found = np.asarray(standard_normal([100_000, 2], [3, 4]))
    compiled = tf.function(standard_normal, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled([100_000, 2], [3, 4]), found, rtol=1e-4, atol=1e-5)
    # Standard errors: 0.003 of a mean, 0.005 of a fourth root, 0.003 of a correlation.
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.015)
    np.testing.assert_allclose(np.mean(found**2, axis=0), 1.0, atol=0.025)
    np.testing.assert_allclose(np.mean(found**4, axis=0), 3.0, atol=0.16)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.015
    assert not np.array_equal(found[:10], standard_normal([10, 2], [3, 5]))


@pytest.mark.parametrize("wrong", [0.0, "wide"])
def test_bandwidth_is_checked(wrong):
    with pytest.raises(ValueError, match="Expected bandwidth to be a finite number above 0"):
        MaximumMeanDiscrepancy(PRIOR, bandwidth=wrong)


def test_the_diagnosis_estimates_the_same_number(rng):
    from kvae.diagnosis.aggregate import AggregatePosterior, maximum_mean_discrepancy
    from kvae.diagnosis.components import IndependentNormals

    z, draws = rng.normal(size=(12, 3)) + 0.5, rng.normal(size=(12, 3))
    posteriors = AggregatePosterior(IndependentNormals.of(z, np.full_like(z, 0.1)), z)
    found = maximum_mean_discrepancy(posteriors, draws, rng).squared.value
    assert found == pytest.approx(by_loops(z, draws, np.sqrt(3.0), unbiased=True), rel=1e-10)
