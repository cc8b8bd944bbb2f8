"""A test for drift of a stream of scores that may be looked at after every row."""

import bisect
import math
from typing import Any

import numpy as np

from kvae import checks

__all__ = ["DriftTest"]

RATES = (-1.0, 0.0, 1.0)
JUMP = 0.01


class DriftTest:
    """Whether the scores of a stream still come from the distribution of the calibration rows.

    Each new score is ranked among the calibration scores and the stream so far, ties at random.
    As long as all are exchangeable these ranks are independent and uniform on (0, 1), and the
    *conformal test martingale* that bets against it, here the Simple Jumper, stays small: the
    probability that it ever exceeds 1 / a is at most a, however long the stream is and whenever
    one looks. It grows exponentially where scores become higher or lower as a whole.

    Single anomalies are no drift: that is what `AnomalyDetector.predict` reports.

    Every score is kept, since the next one is ranked among all: 32 bytes a row. Begin a new test
    where a stream has millions of rows.

    Args:
        scores: scores of calibration rows in nats.
        false_alarm_rate: probability that a stream without drift is ever reported.
        random_state: int seed of the random ranks of ties, or None.

    Attributes:
        log_martingale: natural logarithm of the martingale after the rows so far.
        drifted: whether the martingale has exceeded 1 / false_alarm_rate at any row so far.

    Raises:
        ValueError: If there are no calibration scores, a score is not finite, or the rate is not in
            (0, 1).

    Example:
        >>> from kvae.estimators import DriftTest
        >>> rng = np.random.default_rng(0)
        >>> test = DriftTest(rng.normal(size=500), random_state=0)
        >>> test.update(rng.normal(size=300)).drifted
        False
        >>> test.update(rng.normal(1.0, size=100)).drifted
        True

    References:
        Vovk, Petej, Nouretdinov, Ahlberg, Carlsson, Gammerman: Retrain or not retrain: conformal
        test martingales for change-point detection, 2021, https://arxiv.org/abs/2102.10439
    """

    def __init__(self, scores: Any, false_alarm_rate: float = 0.01, random_state: Any = None):
        self._seen = sorted(_finite(scores))
        if not self._seen:
            raise ValueError("Expected at least one calibration score. Received: none")
        self.false_alarm_rate = checks.rate("false_alarm_rate", false_alarm_rate)
        self.log_martingale = 0.0
        self.drifted = False
        self._capital = [1.0 / len(RATES)] * len(RATES)  # shares; their sum is the martingale's 1
        self._random = np.random.default_rng(random_state)

    def update(self, scores: Any) -> "DriftTest":
        """Add the scores of the next rows in their order, and return the test itself.

        Raises:
            ValueError: If a score is not finite; none is added then.
        """
        for score in _finite(scores):
            self._bet(self._rank(score))
        return self

    def _rank(self, score: float) -> float:
        """Return the smoothed p-value of a score among all before it, and add it to them."""
        left, right = bisect.bisect_left(self._seen, score), bisect.bisect_right(self._seen, score)
        above, equal = len(self._seen) - right, right - left + 1
        self._seen.insert(right, score)
        return (above + self._random.uniform() * equal) / len(self._seen)

    def _bet(self, p: float) -> None:
        mixed = [(1.0 - JUMP) * share + JUMP / len(RATES) for share in self._capital]
        after = [share * (1.0 + rate * (p - 0.5)) for share, rate in zip(mixed, RATES, strict=True)]
        growth = sum(after)
        self._capital = [share / growth for share in after]
        self.log_martingale += math.log(growth)
        self.drifted = self.drifted or self.log_martingale > -math.log(self.false_alarm_rate)


def _finite(scores: Any) -> list[float]:
    """Return scores as numbers; NaN has no rank, and would leave those after it in no order."""
    array = np.asarray(scores, "float64").reshape(-1)
    if not np.all(np.isfinite(array)):
        raise ValueError("Expected scores to be finite. Received: NaN or infinity")
    numbers: list[float] = array.tolist()
    return numbers
