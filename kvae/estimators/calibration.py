"""Split-conformal calibration: from an anomaly score to a p-value and a decision."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.export import runtime

__all__ = ["Calibration"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of normal rows that the model was not trained on.

    For a new row whose score is s, with n calibration scores,

        p = (1 + number of calibration scores >= s) / (n + 1).

    If the new row and the calibration rows are exchangeable (independent and from one
    distribution, for example), P(p <= a) <= a for every a, whatever the model and the
    distribution. That is the probability over the calibration rows as well: given one set of
    calibration rows, the rate of false alarms is itself random, Beta(k, n + 1 - k) with
    k = floor(a (n + 1)), whose mean is k / (n + 1). Equal scores make p larger, never smaller.

    Two-sided, p is twice the smaller of this p-value and the one of low scores, at most 1.

    Args:
        scores: scores of the calibration rows in nats, at least one; higher is more anomalous.
        two_sided: whether a score that is too low is an anomaly too.

    Raises:
        ValueError: If there are no scores, or one is not finite.

    Example:
        >>> from kvae.estimators import Calibration
        >>> calibration = Calibration(np.arange(99.0))
        >>> calibration.p_values([200.0, 97.0, -5.0])
        array([0.01, 0.03, 1.  ])
        >>> calibration.limits(0.05)  # normal from the first to the second
        (-inf, 94.0)

    References:
        Laxhammar, Falkman: Conformal prediction for distribution-independent anomaly detection in
        streaming vessel data, 2010, https://doi.org/10.1145/1833280.1833287
        Bates, Candes, Lei, Romano, Sesia: Testing for outliers with conformal p-values, 2023,
        https://arxiv.org/abs/2104.08279
    """

    scores: np.ndarray
    two_sided: bool = False

    def __post_init__(self) -> None:
        scores = np.sort(np.asarray(self.scores, "float32").reshape(-1))
        if not len(scores) or not np.all(np.isfinite(scores)):
            raise ValueError(
                "Expected the scores of at least one calibration row, all finite. Received: "
                f"{len(scores)} scores"
            )
        object.__setattr__(self, "scores", scores)

    def p_values(self, scores: Any) -> np.ndarray:
        """Return the p-value of each score, float64 in [1 / (n + 1), 1].

        Args:
            scores: scores in nats, of any shape.
        """
        return runtime.p_values(scores, self.scores, self.two_sided)

    def smallest_rate(self) -> float:
        """Return the smallest false-alarm rate that so many calibration rows can guarantee."""
        return runtime.smallest_rate(len(self.scores), self.two_sided)

    def limits(self, rate: float) -> tuple[float, float]:
        """Return the lowest and the highest score that is no anomaly at a false-alarm rate.

        A score is outside exactly if its p-value is at most `rate`. The limits are calibration
        scores, and thus float32 numbers: a device compares with the same numbers. A rate below
        `smallest_rate()` has the limits of that one.

        Args:
            rate: false-alarm rate, in (0, 1).
        """
        return runtime.limits(self.scores, rate, self.two_sided)
