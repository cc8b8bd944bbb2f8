"""Distance of decoded outputs to the nearest example, a measure that depends on no model."""

from typing import Any

import numpy as np

from kvae.diagnosis.data_space import DataSpace

__all__ = ["DataDistance"]

CHUNK_ROWS = 256


class DataDistance:
    """Distance to the nearest example, relative to the distances between distinct examples.

        distance(y) = min_i |y - x_i| / unit,    unit = mean_i min_{j != i} |x_i - x_j|.

    A distance of 1 is the mean distance of an example to its nearest other example. In the unit an
    example that the data repeat counts once; without two that differ it is NaN. The distance is
    Euclidean in `DataSpace`: a blurred image is nearer to the data than a sharp image with an error
    of the same size.

    Args:
        space: maps values to vectors.
        x: examples, (examples, *event_shape), at least two that differ.
    """

    def __init__(self, space: DataSpace, x: np.ndarray):
        self.space = space
        self.examples = space(x)
        rows = {row.tobytes(): row for row in self.examples + 0.0}  # -0.0 becomes 0.0
        distinct = np.stack(list(rows.values()))
        enough = len(distinct) > 1
        self.unit = _nearest(distinct, distinct, True).mean() if enough else np.nan

    def __call__(self, y: Any) -> np.ndarray:
        """Return the relative distance of each of `y`, (n, *event_shape), as (n,)."""
        return _nearest(self.space(y), self.examples) / np.maximum(self.unit, 1e-12)


def _nearest(y: np.ndarray, examples: np.ndarray, exclude_self: bool = False) -> np.ndarray:
    """Return the distance of each of `y` to the nearest example, (n,)."""
    squared = np.sum(examples**2, axis=1)
    parts = []
    for start in range(0, len(y), CHUNK_ROWS):
        rows = y[start : start + CHUNK_ROWS]
        distance = np.sum(rows**2, axis=1)[:, None] - 2.0 * rows @ examples.T + squared
        if exclude_self:
            distance[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        parts.append(distance.min(axis=1))
    return np.sqrt(np.maximum(np.concatenate(parts), 0.0))
