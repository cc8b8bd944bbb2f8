"""The threshold of the most recent scores, in fixed memory."""

import math
import pickle
import threading
import time

import numpy as np
import pytest

from kvae.export.runtime import RecentThreshold, limits, p_values


@pytest.mark.parametrize("two_sided", [False, True])
def test_it_is_that_of_the_last_scores_however_they_come(rng, two_sided):
    scores = rng.normal(size=1234).astype("float32")
    recent = RecentThreshold(0.05, 200, two_sided)
    for part in np.split(scores, [1, 40, 41, 700, 705]):
        recent.push(part)
    last = np.sort(scores[-200:])
    assert recent.limits() == limits(last, 0.05, two_sided)
    np.testing.assert_array_equal(
        recent.p_values([0.0, 9.0]), p_values([0.0, 9.0], last, two_sided)
    )
    assert recent._scores.nbytes == 800


def test_the_rate_of_false_alarms_is_at_most_the_wanted_one_on_average(rng):
    rates = []
    for _ in range(200):
        recent = RecentThreshold(0.1, 99)
        recent.push(rng.normal(size=150))
        high = recent.limits()[1]
        rates.append(0.5 * math.erfc(high / math.sqrt(2.0)))
    # The mean of a beta distribution, 0.1, with a standard error of 0.002.
    assert np.mean(rates) == pytest.approx(0.1, abs=0.008)


def test_too_few_scores_are_said(rng):
    recent = RecentThreshold(0.01)
    recent.push(rng.normal(size=98))
    with pytest.raises(ValueError, match=r"at least 99 scores, for a rate of 0\.01\. Received: 98"):
        recent.limits()
    recent.push([0.0])
    assert recent.limits()[1] == recent._scores[:99].max()


def test_a_score_that_is_not_finite_is_refused():
    recent = RecentThreshold(0.1)
    with pytest.raises(ValueError, match="finite"):
        recent.push([0.0, np.nan])
    masked = np.ma.masked_greater([0.0, 9.0], 1.0)
    with pytest.raises(ValueError, match="Expected scores without a mask"):
        recent.push(masked)
    assert recent.count == 0
    with pytest.raises(ValueError, match="Expected scores without a mask"):
        p_values(masked, np.arange(9.0))
    with pytest.raises(ValueError, match="size of at least 99"):
        RecentThreshold(0.01, 50)


@pytest.mark.parametrize("size", [50.5, "50", None, True])
def test_a_size_that_is_no_integer_is_refused(size):
    with pytest.raises(ValueError, match="Expected size to be a positive integer"):
        RecentThreshold(0.1, size)


def test_a_score_beyond_float32_is_refused_or_the_largest(rng):
    recent = RecentThreshold(0.1, 9)
    with pytest.raises(ValueError, match="finite"):
        recent.push([1e39])
    recent.push(rng.normal(size=9))
    assert recent.p_values([1e39, -1e39]).tolist() == [0.1, 1.0]


@pytest.mark.parametrize("two_sided", [False, True])
def test_nan_has_no_p_value(two_sided):
    """It is within all limits, and would have the smallest one."""
    recent = RecentThreshold(0.2, 9, two_sided)
    recent.push(np.arange(9.0))
    for scores in ([np.nan], [0.5, np.nan], np.nan):
        with pytest.raises(ValueError, match=r"Expected scores to be numbers. Received: NaN"):
            recent.p_values(scores)
        with pytest.raises(ValueError, match=r"Expected scores to be numbers. Received: NaN"):
            p_values(scores, np.arange(9.0), two_sided)


class Slow(np.ndarray):
    """Scores, of which other threads see the old ones while new ones are put in."""

    def __setitem__(self, place, scores):
        time.sleep(0.01)
        super().__setitem__(place, scores)


def test_scores_of_several_threads_are_all_kept():
    recent = RecentThreshold(0.1, 12)
    recent._scores = recent._scores.view(Slow)
    workers = [
        threading.Thread(target=recent.push, args=([3 * n, 3 * n + 1, 3 * n + 2],))
        for n in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert recent.count == 12
    calls = recent._scores.reshape(4, 3)  # those of one call stay together
    np.testing.assert_array_equal(np.sort(calls, axis=0), np.arange(12).reshape(4, 3))


def test_a_copy_goes_on_by_itself(rng):
    recent = RecentThreshold(0.1, 50)
    recent.push(rng.normal(size=70))
    copy = pickle.loads(pickle.dumps(recent))
    assert copy.limits() == recent.limits()
    copy.push(np.full(50, 9.0))
    assert copy.limits()[1] == 9.0
    assert recent.limits()[1] < 9.0
