"""Conformal p-values and thresholds: the formula, the guarantee, ties."""

import numpy as np
import pytest

from kvae.estimators import Calibration, DriftTest
from kvae.estimators.drift_test import JUMP, RATES


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_score_is_outside_the_limits_exactly_if_its_p_value_is_at_most_the_rate(two_sided, rng):
    scores = rng.integers(0, 40, 157).astype(float)  # with ties
    calibration = Calibration(scores, two_sided)
    new = np.arange(-2.0, 43.0, 0.5)
    for rate in (0.02, 0.05, 0.1, 0.29, 0.5):
        low, high = calibration.limits(rate)
        outside = (new < low) | (new > high)
        np.testing.assert_array_equal(outside, calibration.p_values(new) <= rate + 1e-12)


def test_p_values_are_the_share_of_calibration_scores_at_least_as_high(rng):
    scores = rng.normal(size=50)
    new = rng.normal(size=20)
    expected = [(1 + sum(s >= np.float32(x) for s in scores.astype("float32"))) / 51 for x in new]
    np.testing.assert_allclose(Calibration(scores).p_values(new), expected)


def test_p_values_of_exchangeable_rows_are_uniform(rng):
    """P(p <= k / (n + 1)) = k / (n + 1) without ties; here within 4 standard errors."""
    below = []
    for _ in range(4000):
        scores = rng.normal(size=20)
        below.append(Calibration(scores[:19]).p_values(scores[19:])[0] <= 0.1)
    assert abs(np.mean(below) - 0.1) < 4 * np.sqrt(0.09 / 4000)


def test_ties_never_raise_the_rate(rng):
    below = []
    for _ in range(4000):
        scores = rng.integers(0, 3, 20)
        below.append(Calibration(scores[:19]).p_values(scores[19:])[0] <= 0.2)
    assert np.mean(below) < 0.2 + 4 * np.sqrt(0.16 / 4000)


def test_a_score_that_is_too_low_is_an_anomaly_if_two_sided(rng):
    scores = rng.normal(size=999)
    assert Calibration(scores).p_values(-50.0) == 1.0
    assert Calibration(scores, two_sided=True).p_values(-50.0) == pytest.approx(0.002)


def test_a_rate_that_the_rows_cannot_guarantee_has_the_limits_of_the_smallest_one():
    calibration = Calibration(np.arange(9.0))
    assert calibration.smallest_rate() == pytest.approx(0.1)
    assert calibration.limits(0.001) == calibration.limits(0.1) == (-np.inf, 8.0)


@pytest.mark.parametrize("scores", [[], [1.0, np.nan]])
def test_scores_that_cannot_calibrate_are_refused(scores):
    with pytest.raises(ValueError, match="at least one calibration row"):
        Calibration(np.array(scores))


def test_drift_is_reported_soon_and_a_stream_without_drift_is_not(rng):
    calibration = rng.normal(size=500)
    reported = [
        DriftTest(calibration, random_state=i).update(rng.normal(size=400)).drifted
        for i in range(50)
    ]
    assert np.mean(reported) <= 0.04
    for shift in (-1.0, 1.0):
        test = DriftTest(calibration, random_state=0).update(rng.normal(size=200))
        assert not test.drifted
        assert test.update(rng.normal(shift, size=200)).drifted


def test_equal_scores_are_no_drift():
    assert not DriftTest(np.zeros(100), random_state=0).update(np.zeros(500)).drifted


def test_the_martingale_is_the_same_in_parts(rng):
    scores = rng.normal(size=60)
    whole = DriftTest(scores[:20], random_state=0).update(scores[20:])
    parts = DriftTest(scores[:20], random_state=0).update(scores[20:40]).update(scores[40:])
    assert whole.log_martingale == parts.log_martingale


def test_the_martingale_is_that_of_ranks_among_all_scores_before(rng):
    """Vovk et al. 2021: smoothed p-values, and shares of capital that bet at nine rates."""
    calibration, stream = rng.integers(0, 9, 30), rng.integers(0, 12, 70)  # with ties
    uniform = np.random.default_rng(5)
    shares, logarithm = np.full(len(RATES), 1.0 / len(RATES)), 0.0
    for k, score in enumerate(stream):
        seen = np.concatenate([calibration, stream[:k], [score]])  # itself is one of the equal
        above, equal = np.sum(seen > score), np.sum(seen == score)
        p = (above + uniform.uniform() * equal) / len(seen)
        assert 0.0 < p <= 1.0
        shares = (1.0 - JUMP) * shares + JUMP * np.mean(shares)
        shares = shares * (1.0 + np.array(RATES) * (p - 0.5))
        logarithm, shares = logarithm + np.log(shares.sum()), shares / shares.sum()
    test = DriftTest(calibration, random_state=5).update(stream)
    assert test.log_martingale == pytest.approx(logarithm, rel=1e-9)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_no_stream(wrong, rng):
    with pytest.raises(ValueError, match="finite"):
        DriftTest([0.0, wrong])
    test = DriftTest(rng.normal(size=100), random_state=0)
    with pytest.raises(ValueError, match="finite"):
        test.update([*rng.normal(3.0, size=50), wrong])
    assert test.log_martingale == 0.0
