"""A column whose decoded values stay in a range."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kvae.data.tables.column import Column

__all__ = ["Ranged"]


@dataclass(frozen=True, kw_only=True)
class Ranged(Column):
    """A column of numbers or dates, whose values lie in a range.

    `decode` clips to the range: what a model draws beyond it becomes the least or the greatest
    value of the table. The likelihood knows nothing of the range, and its density stays what it
    was trained to be. The alternative is a likelihood with the range as its support, such as a
    truncated normal. The range is that of the rows at hand, not of all rows there will be: such a
    likelihood would give -inf to the first person who is older than all of the training data, and
    neither `score` nor the likelihood of other rows would be finite.

    Args:
        low: the least value as a number of the array, None for no bound.
        high: the greatest value, likewise.
    """

    low: float | None = None
    high: float | None = None

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """Return numbers of the array inside the range; NaN stays."""
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return np.clip(values, low, high)

    def with_range(self, series: Any) -> "Ranged":
        """Return the column with the range of the values of a Series, of which one is observed."""
        values = self.encode(series)
        return replace(self, low=float(np.nanmin(values)), high=float(np.nanmax(values)))

    def without_range(self) -> "Ranged":
        """Return the column without a range."""
        return replace(self, low=None, high=None)
