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
        self._features = [self._piece(part, scale, x[:1]).shape[1] for part, scale in self._parts]

    def __call__(self, values: Any) -> np.ndarray:
        """Return the vectors of `values`, (n, *event_shape), as float64 (n, features)."""
        values = np.asarray(values, "float64")
        return np.concatenate([self._piece(*each, values) for each in self._parts], axis=1)

    def constant(self, vectors: np.ndarray) -> np.ndarray:
        """Return the constant output that is nearest to data, (features,).

        Of numbers it is the mean. A decoded class is one of the classes: the most frequent one.

        Args:
            vectors: of the data, (n, features).
        """
        pieces, start = [], 0
        for (part, _), features in zip(self._parts, self._features, strict=True):
            mean = vectors[:, start : start + features].mean(axis=0)
            if count := _class_numbers(part.domain):
                mean = np.eye(count)[mean.reshape(-1, count).argmax(axis=1)].reshape(-1)
            pieces.append(mean)
            start += features
        return np.concatenate(pieces)

    @staticmethod
    def _piece(part: Any, scale: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the vectors of one part of `values`, (n, features of the part)."""
        piece, count = part.of(values), _class_numbers(part.domain)
        if not count:
            return (piece / scale).reshape(len(values), -1)
        classes = np.clip(np.rint(piece), 0, count - 1).astype(int)
        return np.eye(count)[classes].reshape(len(values), -1)


def _class_numbers(domain: Domain) -> int:
    """Return the number of classes that are given by their numbers; 0 where there are none."""
    return 0 if domain.one_hot else domain.categories or 0
