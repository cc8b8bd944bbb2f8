"""An estimate with its standard error and a 95% interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Estimate"]

ROUNDING = 1e-12  # a relative error of numbers that are equal but for their last bits
NORMAL_95 = 1.96  # 95% of a normal distribution lies within this many standard deviations


@dataclass(frozen=True)
class Estimate:
    """An estimate with its standard error and a 95% interval.

    The interval is `value` +- 1.96 `stderr`, and wider where the estimate has a known bias.

    Attributes:
        value: the estimate.
        stderr: its standard error, in the unit of `value`.
        low: lower end of the interval.
        high: upper end of the interval.

    Example:
        >>> print(kvae.evaluation.Estimate.of_mean(np.array([1.0, 2.0, 3.0])))
        2.00 +- 0.58
    """

    value: float
    stderr: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.measured:
            return "not measured"
        if np.isinf(self.value):  # such as the implied beta where no weight is optimal
            return "infinite" if self.value > 0 else "-infinite"
        rounding = self.stderr <= ROUNDING * abs(self.value)
        return f"{_plain(self.value)} +- {_plain(0.0 if rounding else self.stderr)}"

    @property
    def measured(self) -> bool:
        """Whether there is a value; an estimate that the model does not allow has NaN."""
        return not np.isnan(self.value)

    def over(self, number: float) -> "Estimate":
        """Return this estimate divided by a positive number."""
        values = (self.value, self.stderr, self.low, self.high)
        return Estimate(*(float(value) / number for value in values))

    @classmethod
    def not_measured(cls) -> "Estimate":
        """Return the estimate of what could not be measured: NaN, None in JSON."""
        return cls(np.nan, np.nan, np.nan, np.nan)

    @classmethod
    def of(cls, value: Any, stderr: Any) -> "Estimate":
        """Return an estimate with the interval `value` +- 1.96 `stderr`."""
        value, margin = float(value), NORMAL_95 * float(stderr)
        return cls(value, float(stderr), value - margin, value + margin)

    @classmethod
    def of_mean(cls, values: Any) -> "Estimate":
        """Return the mean of independent `values` of shape (n,), n at least 2."""
        values = np.asarray(values, "float64")
        return cls.of(values.mean(), values.std(ddof=1) / np.sqrt(len(values)))

    @classmethod
    def of_variance(cls, values: Any) -> "Estimate":
        """Return the variance of independent `values` of shape (n,), n at least 2.

        The standard error is sqrt((m4 - m2^2) / n), with the central moments m2 and m4.
        """
        values = np.asarray(values, "float64")
        squares = (values - values.mean()) ** 2
        error = np.sqrt(max(np.mean(squares**2) - squares.mean() ** 2, 0.0) / len(values))
        return cls.of(values.var(ddof=1), error)

    @classmethod
    def of_ratio(cls, numerators: Any, denominators: Any) -> "Estimate":
        """Return mean(numerators) / mean(denominators) of paired values of shape (n,).

        The standard error is that of the ratio linearized at the means (delta method).
        """
        numerators = np.asarray(numerators, "float64")
        denominators = np.asarray(denominators, "float64")
        below = denominators.mean()
        value = numerators.mean() / below
        rest = numerators - value * denominators
        return cls.of(value, rest.std(ddof=1) / np.sqrt(len(rest)) / abs(below))


def _plain(number: float) -> str:
    if number and not 0.005 <= abs(number) < 1e5:
        return f"{number:.1e}"
    return f"{number:.2f}"
