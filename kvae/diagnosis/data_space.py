"""The space in which data and decoded outputs are compared."""

from typing import Any

import numpy as np

from kvae.contract import Domain

__all__ = ["DataSpace"]


class DataSpace:
    """A map from values of a domain to vectors whose squared distances add up to a meaning.

    - A class, given by its number, becomes a one-hot vector: the numbers of classes have no
      distance.
    - Numbers without bounds (heights, counts, sensor channels) are divided by the standard
      deviation of their column or channel in the data, since columns may have any unit.
    - Numbers between two bounds (pixels, shares) stay as they are.

    Args:
        domain: the values of an event.
        x: examples, (examples, *event_shape), which give the standard deviations.

    Example:
        >>> from kvae.diagnosis.data_space import DataSpace
        >>> row = kvae.layers.Domain.row([
        ...     ("height", kvae.layers.Domain()),
        ...     ("city", kvae.layers.IndependentCategorical((), 3).domain),
        ... ])
        >>> space = DataSpace(row, np.array([[160.0, 0.0], [180.0, 2.0]]))
        >>> space(np.array([[170.0, 2.0]]))
        array([[17.,  0.,  0.,  1.]])
    """

    def __init__(self, domain: Domain, x: np.ndarray):
        self._parts = []
        for part in domain.parts():
            values = np.asarray(part.of(x), "float64").reshape(len(x), -1)
            channels = x.shape[-1] if part.where is None and x.ndim > 1 else values.shape[-1]
            scale = np.ones(channels)
            if np.isinf(part.domain.low) or np.isinf(part.domain.high):
                spread = values.reshape(-1, channels).std(axis=0)
                scale = np.where(spread > 0.0, spread, 1.0)
            self._parts.append((part, scale))

    def __call__(self, values: Any) -> np.ndarray:
        """Return the vectors of `values`, (n, *event_shape), as float64 (n, features)."""
        values = np.asarray(values, "float64")
        pieces = []
        for part, scale in self._parts:
            piece = part.of(values)
            if part.domain.categories and not part.domain.one_hot:
                classes = np.clip(np.rint(piece), 0, part.domain.categories - 1).astype(int)
                pieces.append(np.eye(part.domain.categories)[classes].reshape(len(values), -1))
            else:
                pieces.append((piece / scale).reshape(len(values), -1))
        return np.concatenate(pieces, axis=1)
