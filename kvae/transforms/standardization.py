"""Data to a mean of zero and a standard deviation of one."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.transforms.learned import LearnedTransform, given_pair

__all__ = ["Standardization"]


@keras.saving.register_keras_serializable(package="kvae")
class Standardization(LearnedTransform):
    """y = (x - mean) / stddev, with the moments of the training data.

    Along the last axis of the data each position has its own moments: the columns of a table, the
    channels of a picture or a signal. A position whose values are all equal is only centred. The
    moments are weights that are not trained; `adapt`, or `kvae.VAE.adapt`, sets them.

    Args:
        mean: numbers to use instead of adapting, one for each position of the last axis or one for
            all; with `stddev`.
        stddev: positive numbers of the same shape.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If only one of `mean` and `stddev` is given, or they are not valid.

    Example:
        >>> standardization = kvae.transforms.Standardization()
        >>> standardization.adapt(np.array([[0.0, 5.0], [4.0, 5.0]]))
        >>> standardization(tf.constant([[4.0, 6.0]])).numpy()
        array([[1., 1.]], dtype=float32)
    """

    is_affine = True

    purpose = "standardize them"

    def __init__(self, mean: Any = None, stddev: Any = None, **kwargs: Any):
        super().__init__(given_pair(mean=mean, stddev=stddev), **kwargs)

    def start(self) -> dict[str, Any]:
        """Return the given moments, or 0 and 1, see `LearnedTransform`."""
        mean, stddev = (0.0, 1.0) if self.given is None else self.given
        return {"mean": mean, "stddev": stddev}

    def statistics(self) -> "_Moments":
        """Return moments of no data, see `LearnedTransform`."""
        return _Moments()

    def learned(self) -> tuple[tuple[Any, ...], int] | None:
        """Return the moments seen, see `LearnedTransform`."""
        if not np.all(self._seen.count):
            return None
        return (self._seen.mean, self._seen.stddev), int(self._seen.count.min())

    def forward(self, x: Any) -> Any:
        """Return (x - mean) / stddev."""
        mean, stddev = self._weights(x)
        return (x - mean) / stddev

    def inverse(self, y: Any) -> Any:
        """Return y * stddev + mean."""
        mean, stddev = self._weights(y)
        return y * stddev + mean

    def log_derivative(self, x: Any) -> Any:
        """Return -log stddev, one for each position of the last axis."""
        return -tf.math.log(self._weights(x)[1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        mean, stddev = (None, None) if self.given is None else self.given
        return {**super().get_config(), "mean": mean, "stddev": stddev}


class _Moments:
    """Mean and standard deviation of batches, in float64, by Chan's formula for joined sets."""

    def __init__(self) -> None:
        self.count: Any = 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0

    def add(self, values: np.ndarray, mask: np.ndarray) -> None:
        """Add rows (n, ...) of values, where `mask` holds."""
        count = mask.sum(axis=0)
        mean = np.where(mask, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        squares = np.where(mask, values - mean, 0.0)
        squares = (squares**2).sum(axis=0)
        total = np.maximum(self.count + count, 1)
        difference = mean - self.mean
        self.squares = self.squares + squares + difference**2 * self.count * count / total
        self.mean = self.mean + difference * count / total
        self.count = self.count + count

    @property
    def stddev(self) -> Any:
        """Standard deviation; 1 where all values are equal."""
        stddev = np.sqrt(self.squares / np.maximum(self.count, 1))
        # The model computes in float32, in which such values differ by rounding alone.
        equal = stddev <= np.finfo("float32").eps * np.abs(self.mean)
        return np.where(equal | (stddev == 0.0), 1.0, stddev)
