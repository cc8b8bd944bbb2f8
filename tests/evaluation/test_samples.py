"""Distances, precision and recall of samples: cases whose answers are known."""

import sys

import numpy as np
import pytest
from scipy.linalg import sqrtm

from kvae.evaluation import frechet_distance, kernel_distance, precision_recall

MEAN, OTHER_MEAN = np.array([0.0, 1.0, 0.0]), np.array([0.5, -1.0, 0.0])
FACTOR = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.3, 0.5]])
OTHER_FACTOR = np.array([[0.5, 0.2, 0.0], [0.0, 1.2, 0.0], [0.0, 0.0, 2.0]])


def with_moments(mean, factor, count, rng):
    """Return draws whose sample mean and covariance are exactly mean and factor factor^T."""
    noise = rng.normal(size=(count, len(mean)))
    noise -= noise.mean(axis=0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise, rowvar=False))).T
    return mean + noise @ factor.T


def test_the_frechet_distance_is_that_of_two_normals(rng):
    real = with_moments(MEAN, FACTOR, 200, rng)
    other = with_moments(OTHER_MEAN, OTHER_FACTOR, 100, rng)
    c, d = FACTOR @ FACTOR.T, OTHER_FACTOR @ OTHER_FACTOR.T
    expected = np.sum((MEAN - OTHER_MEAN) ** 2) + np.trace(c + d - 2.0 * sqrtm(c @ d).real)
    assert frechet_distance(real, other) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(other, real) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(real, real) == pytest.approx(0.0, abs=1e-9)


def test_the_frechet_distance_stands_features_without_variance(rng):
    real = np.concatenate([rng.normal(size=(50, 2)), np.ones((50, 3))], axis=1)
    assert frechet_distance(real, real + 1.0) == pytest.approx(5.0)


def test_the_kernel_distance_has_no_bias_and_sees_third_moments(rng):
    found = [
        kernel_distance(rng.normal(size=(40, 2)), rng.normal(size=(30, 2))).value
        for _ in range(200)
    ]
    assert abs(np.mean(found)) < 3.0 * np.std(found) / np.sqrt(200)
    assert min(found) < 0.0 < max(found)
    skewed = rng.exponential(size=(2_000, 2)) - 1.0  # the moments of a standard normal up to 2
    distance = kernel_distance(rng.normal(size=(2_000, 2)), skewed).value
    assert distance > 5.0 * np.std(found) / np.sqrt(50)


@pytest.mark.parametrize(("shift", "least", "most"), [(1.0, 0.9, 1.1), (0.0, 1.0, 2.0**0.5)])
def test_the_standard_error_of_the_kernel_distance_is_the_spread_of_repetitions(
    rng, shift, least, most
):
    found = [
        kernel_distance(rng.normal(size=(60, 3)), rng.normal(size=(40, 3)) + shift)
        for _ in range(600)
    ]
    spread = np.std([each.value for each in found])  # known to 3%
    ratio = np.sqrt(np.mean([each.stderr**2 for each in found])) / spread
    assert 0.94 * least < ratio < 1.06 * most


def test_the_standard_error_of_the_kernel_distance_is_the_jackknife(rng):
    sets = [rng.normal(size=(9, 2)), rng.normal(size=(7, 2)) + 0.5]
    variance = 0.0
    for index, count in enumerate(map(len, sets)):
        left_out = []
        for row in range(count):
            fewer = list(sets)
            fewer[index] = np.delete(sets[index], row, axis=0)
            left_out.append(kernel_distance(*fewer).value)
        variance += (count - 1) / count * np.sum((left_out - np.mean(left_out)) ** 2)
    assert kernel_distance(*sets).stderr == pytest.approx(np.sqrt(variance))


def test_the_kernel_distance_is_that_of_the_definition(rng, monkeypatch):
    monkeypatch.setattr(sys.modules["kvae.evaluation.kernel_distance"], "ROWS", 7)
    a, b = rng.normal(size=(20, 2, 2)), rng.normal(size=(15, 2, 2)) + 0.5
    flat = [part.reshape(len(part), 4) for part in (a, b)]

    def mean(x, y, same):
        pairs = [(p, q) for i, p in enumerate(x) for j, q in enumerate(y) if not same or i != j]
        return np.mean([(p @ q / 4 + 1) ** 3 for p, q in pairs])

    expected = mean(flat[0], flat[0], True) + mean(flat[1], flat[1], True)
    expected -= 2.0 * mean(*flat, False)
    assert kernel_distance(a, b).value == pytest.approx(expected)


def test_the_same_examples_have_precision_and_recall_of_one(rng):
    x = rng.normal(size=(100, 3))
    found = precision_recall(x, x)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("features", [3, 40])
def test_repeated_examples_have_precision_and_recall_of_one(features, rng, monkeypatch):
    monkeypatch.setattr(sys.modules["kvae.evaluation.precision_recall"], "ROWS", 64)
    x = np.repeat(100.0 + rng.normal(size=(40, features)), 5, axis=0)
    found = precision_recall(x, rng.permutation(x))  # all radii are zero with k = 3
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    assert found.density == pytest.approx(5.0 / 3.0)


def test_disjoint_examples_have_none(rng):
    x = rng.normal(size=(100, 3))
    found = precision_recall(x, x + 50.0)
    assert (found.precision, found.recall, found.density, found.coverage) == (0.0, 0.0, 0.0, 0.0)


def test_a_lost_mode_costs_recall_and_strange_examples_cost_precision(rng):
    near, far = rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 20.0
    both = np.concatenate([near[:150], far[:150]])
    one = rng.normal(size=(300, 2))
    lost, strange = precision_recall(both, one), precision_recall(one, both)
    assert lost.precision > 0.85
    assert lost.recall == pytest.approx(0.5, abs=0.06)
    assert strange.precision == pytest.approx(0.5, abs=0.06)
    assert strange.recall > 0.85


@pytest.mark.parametrize("k", [3, 5])
def test_equal_distributions_have_the_expected_density_and_coverage(k, monkeypatch):
    monkeypatch.setattr(sys.modules["kvae.evaluation.precision_recall"], "ROWS", 64)
    rng = np.random.default_rng(3)
    n, m = 150, 100
    found = [
        precision_recall(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k) for _ in range(60)
    ]
    steps = np.arange(1, k + 1)
    expected = 1.0 - np.prod((n - steps) / (n + m - steps))
    coverage, density = (
        [getattr(each, name) for each in found] for name in ("coverage", "density")
    )
    assert np.mean(coverage) == pytest.approx(expected, abs=4.0 * np.std(coverage) / np.sqrt(60))
    # A point lies in the k-ball of each of n others with the probability k / n.
    assert np.mean(density) == pytest.approx(1.0, abs=4.0 * np.std(density) / np.sqrt(60))


@pytest.mark.parametrize("function", [frechet_distance, kernel_distance, precision_recall])
def test_features_that_do_not_fit_are_refused(function):
    with pytest.raises(ValueError, match="to hold features of one shape"):
        function(np.zeros((9, 3)), np.zeros((9, 4)))
    with pytest.raises(ValueError, match="at least"):
        function(np.zeros((1, 3)), np.zeros((9, 3)))
    with pytest.raises(ValueError, match="Expected generated to be finite"):
        function(np.zeros((9, 3)), np.full((9, 3), np.nan))
