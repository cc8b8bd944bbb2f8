"""What float32 loses of numbers that lie far from zero."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["are_far", "warn_of_rounding"]

FAR = 2.0**17  # so many spans from zero float32 tells fewer than 128 values apart
SHOWN = 10  # columns that a message names


def are_far(low: Any, high: Any) -> Any:
    """Return whether float32 hardly tells apart numbers from `low` to `high`.

    Args:
        low: the least number, or an array of them, one a column.
        high: the greatest number, likewise.

    Example:
        >>> from kvae.data.rounding import are_far
        >>> print(are_far(np.array([1.7e9, -3.0]), np.array([1.7e9 + 20.0, 1000.0])))
        [ True False]
    """
    return np.maximum(abs(low), abs(high)) > FAR * (high - low)


def warn_of_rounding(
    values: np.ndarray, names: Sequence[str], advice: str, stacklevel: int
) -> None:
    """Warn of columns whose values differ and are hardly told apart by float32.

    Args:
        values: numbers, float64 (..., columns); NaN where missing.
        names: what the message calls the columns.
        advice: the last sentence of the message.
        stacklevel: of the warning; 2 is the caller.
    """
    rows = values.reshape(-1, values.shape[-1])
    low, high = np.fmin.reduce(rows), np.fmax.reduce(rows)  # without the missing ones
    far = np.flatnonzero((high > low) & are_far(low, high))
    if len(far):
        first, span = far[0], high[far[0]] - low[far[0]]
        others = ", ".join(names[place] for place in far[1:SHOWN])
        warnings.warn(
            f"The numbers of {names[first]} differ by {span:.3g} and are as far from zero as "
            f"{max(abs(low[first]), abs(high[first])):.3g}: float32 rounds most of the difference "
            f"away{others and f', and of {others} too'}. {advice}",
            stacklevel=stacklevel,
        )
