"""What an array of data holds, read in one pass."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.contract.mapped import chunks

__all__ = ["Facts", "facts_of"]

# Numbers of levels that pictures are stored with; data in [0, 1] are levels divided by the highest.
LEVELS = (16, 17, 32, 64, 128, 256)
TOLERANCE = 1e-3  # of a level
SAMPLE_ROWS = 20_000
SAMPLE_ELEMENTS = 2_000_000  # of pictures fewer rows: 16 MB in float64


@dataclass(frozen=True, eq=False)
class Facts:
    """What an array holds.

    Args:
        shape: shape of an example.
        rows: number of examples.
        dtype: NumPy dtype.
        missing: share of the elements that are NaN.
        low: least value at each place of the last axis.
        high: greatest value at each place of the last axis.
        whole: whether all values at each place of the last axis are whole numbers.
        levels: number of levels in [0, 1] that all values are multiples of; None for others.
        sample: some rows, in float64.
    """

    shape: tuple[int, ...]
    rows: int
    dtype: Any
    missing: float
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    levels: int | None
    sample: np.ndarray

    @property
    def event_shape(self) -> int | tuple[int, ...]:
        """Shape of an example as a script has it: the number of columns where it is a vector."""
        return self.size if len(self.shape) == 1 else self.shape

    @property
    def size(self) -> int:
        """Number of elements of an example."""
        return math.prod(self.shape)

    @property
    def all_whole(self) -> bool:
        """Whether all values are whole numbers."""
        return bool(self.whole.all())

    @property
    def binary(self) -> np.ndarray:
        """Whether each place of the last axis holds 0 and 1 alone."""
        return self.whole & (self.low >= 0) & (self.high <= 1)

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value."""
        return float(self.low.min()), float(self.high.max())


def facts_of(x: np.ndarray) -> Facts:
    """Return what a checked array holds, or raise where a model cannot be trained on it.

    Args:
        x: numbers, (examples, ..., channels), perhaps a `np.memmap`.

    Raises:
        ValueError: If values are infinite, beyond float32, all equal, or a column has none.
    """
    channels = x.shape[-1]
    low, high = np.full(channels, math.inf), np.full(channels, -math.inf)
    whole, gaps, start = np.ones(channels, bool), 0, 0
    possible = list(LEVELS) if x.dtype.kind == "f" else []
    for chunk in chunks(x):
        flat = np.asarray(chunk).reshape(-1, channels)
        if x.dtype.kind == "f":
            known = ~np.isnan(flat)
            gaps += flat.size - int(known.sum())
            with np.errstate(over="ignore"):
                bad = np.isinf(flat.astype("float32"))
            if bad.any():
                row = start + int(bad.any(axis=-1).argmax()) // (len(flat) // len(chunk))
                raise ValueError(
                    "Expected x to hold finite numbers of float32, or NaN where a value is missing."
                    f" Received: {flat[bad][0]} in row {row}"
                )
            whole &= ((flat == np.rint(flat)) | ~known).all(axis=0)
            possible = [each for each in possible if _are_levels(flat[known], each)]
        numbers = flat.astype("uint8") if flat.dtype.kind == "b" else flat
        low = np.fmin(low, np.fmin.reduce(numbers, axis=0))
        high = np.fmax(high, np.fmax.reduce(numbers, axis=0))
        start += len(chunk)
    if not np.isfinite(low).all():
        place = int((~np.isfinite(low)).argmax())
        raise ValueError(
            "Expected x to hold at least one value in each place of its last axis. Received: NaN "
            f"alone in place {place}"
        )
    if float(low.min()) == float(high.max()):
        raise ValueError(f"Expected x to hold values that differ. Received: {low[0]:g} everywhere")
    shape = tuple(x.shape[1:])
    rows = min(SAMPLE_ROWS, max(1, SAMPLE_ELEMENTS // math.prod(shape)))
    step = max(1, len(x) // rows)
    return Facts(
        shape=shape,
        rows=len(x),
        dtype=x.dtype,
        missing=gaps / x.size,
        low=low.astype("float64"),
        high=high.astype("float64"),
        whole=whole,
        levels=possible[0] if possible else None,
        sample=np.asarray(x[::step], "float64"),
    )


def _are_levels(values: np.ndarray, levels: int) -> bool:
    """Return whether values are in [0, 1] and multiples of 1 / (levels - 1)."""
    if not values.size:
        return True
    if values.min() < 0 or values.max() > 1:
        return False
    scaled = values.astype("float32") * (levels - 1)
    return bool(np.all(np.abs(scaled - np.rint(scaled)) <= TOLERANCE * max(1, levels / 64)))
