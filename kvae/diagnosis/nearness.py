"""How near decoded pictures lie to the data: a judge that is the same for every model."""

from typing import Any

import numpy as np

__all__ = ["Nearness"]

CHUNK_ROWS = 256


class Nearness:
    """Distances to the nearest example, in units of that of the examples to each other.

        distance(y) = min_i |y - x_i|,    unit: the mean of min_{j != i} |x_i - x_j| over i.

    One is as near to the data as they are to each other. It knows no model. But it is Euclidean:
    of two pictures that are equally wrong the more blurred one lies nearer.

    Args:
        x: examples, (examples, *event_shape), at least two that differ.
    """

    def __init__(self, x: np.ndarray):
        self.examples = np.asarray(x, "float64").reshape(len(x), -1)
        self.unit = self._nearest(self.examples, apart=True).mean()

    def __call__(self, y: Any) -> np.ndarray:
        """Return the distance of each of `y`, (n, *event_shape), in units of the data's: (n,)."""
        y = np.asarray(y, "float64").reshape(len(y), -1)
        return self._nearest(y) / max(self.unit, 1e-12)

    def _nearest(self, y: np.ndarray, apart: bool = False) -> np.ndarray:
        squared = np.sum(self.examples**2, axis=1)
        parts = []
        for start in range(0, len(y), CHUNK_ROWS):
            rows = y[start : start + CHUNK_ROWS]
            distance = np.sum(rows**2, axis=1)[:, None] - 2.0 * rows @ self.examples.T + squared
            if apart:
                distance[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
            parts.append(distance.min(axis=1))
        return np.sqrt(np.maximum(np.concatenate(parts), 0.0))
