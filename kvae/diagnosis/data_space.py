"""The space in which data and decoded outputs are compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

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
        transforms: those between the data and the likelihood with the elements of each, see
            `DistributionLayer.transforms`.

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

    def __init__(self, domain: Domain, x: np.ndarray, transforms: Sequence[Any] = ()):
        self._transforms = [each for each in transforms if not each[1].is_affine]
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
        return np.concatenate([self._piece(*each, values) for each in self._parts], axis=1)

    def constant(self, x: np.ndarray) -> np.ndarray:
        """Return the constant output that is nearest to data, of those decoded, (features,).

        Of numbers it is the mean. Where the likelihood is one of transformed numbers, and what is
        decoded their median, it is the mean of these, mapped back: of skewed numbers far from
        their mean. A decoded class is one of the classes: the most frequent one.

        Args:
            x: the data, (n, *event_shape).
        """
        center = np.asarray(x, "float64").mean(axis=0, keepdims=True)
        for place, transform in self._transforms:
            values = tf.constant(x[..., place], "float32")
            inner = tf.reduce_mean(transform.forward(values), axis=0, keepdims=True)
            center[..., place] = np.asarray(transform.inverse(inner))
        pieces = []
        for part, scale in self._parts:
            piece = self._piece(part, scale, center)[0]
            if count := _class_numbers(part.domain):
                shares = self._piece(part, scale, x).mean(axis=0)
                piece = np.eye(count)[shares.reshape(-1, count).argmax(axis=1)].reshape(-1)
            pieces.append(piece)
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
