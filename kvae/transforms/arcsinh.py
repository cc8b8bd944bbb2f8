"""Robust standardization with tails on a logarithmic scale."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.special_functions import arcsinh, expm1, log1psquare
from kvae.transforms.learned import LearnedTransform, given_pair

__all__ = ["Arcsinh"]

# Rows that quantiles and moments are taken from: a random sample where the data have more.
MOST_ROWS = 50_000
# The center and half of the distance between the outer two; of a normal: mean and stddev.
QUANTILES = (0.1587, 0.5, 0.8413)
HIGHEST_ARCSINH = 87.0  # sinh(87) = 3e37


@keras.saving.register_keras_serializable(package="kvae")
class Arcsinh(LearnedTransform):
    """y = (arcsinh((x - center) / width) - mean) / stddev, strictly increasing and smooth.

    It is linear in the middle of the data and logarithmic in the tails, so that outliers in the
    training data neither decide the unit nor dominate the gradients, and an outlier that is scored
    stays distinguishable from a farther one. Center and width are the median and half of the
    distance from the 16% to the 84% quantile, mean and stddev the moments after arcsinh.

    Along the last axis of the data each position has its own numbers. They are weights that are
    not trained; `adapt`, or `kvae.VAE.adapt`, sets them, from a random sample of 50,000 rows where
    the data have more.

    Args:
        center: numbers to use instead of adapting, one for each position of the last axis or one
            for all; with `width`. Mean and stddev are then 0 and 1.
        width: positive numbers of the same shape.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If only one of `center` and `width` is given, or they are not valid.

    Example:
        >>> layer = kvae.transforms.Arcsinh(center=5.0, width=2.0)
        >>> layer(tf.constant([5.0, 7.0, 2005.0])).numpy().round(3)
        array([0.   , 0.881, 7.601], dtype=float32)
    """

    purpose = "take their quantiles"

    def __init__(self, center: Any = None, width: Any = None, **kwargs: Any):
        super().__init__(given_pair(center=center, width=width), **kwargs)

    def start(self) -> dict[str, Any]:
        """Return the given numbers, or 0 and 1, see `LearnedTransform`."""
        center, width = (0.0, 1.0) if self.given is None else self.given
        return {"center": center, "width": width, "mean": 0.0, "stddev": 1.0}

    def statistics(self) -> "_Sample":
        """Return a sample of no rows, see `LearnedTransform`."""
        return _Sample()

    def learned(self) -> tuple[tuple[Any, ...], int] | None:
        """Return the numbers of the sample's columns, see `LearnedTransform`."""
        columns = [column[~np.isnan(column)] for column in self._seen.rows.T]
        if not all(len(column) for column in columns):
            return None
        found = np.array([_numbers_of(column) for column in columns]).T
        return tuple(found), min(len(column) for column in columns)

    def forward(self, x: Any) -> Any:
        """Return (arcsinh((x - center) / width) - mean) / stddev."""
        center, width, mean, stddev = self._weights(x)
        return (arcsinh((x - center) / width) - mean) / stddev

    def inverse(self, y: Any) -> Any:
        """Return center + width * sinh(y * stddev + mean), finite in float32."""
        center, width, mean, stddev = self._weights(y)
        inner = tf.clip_by_value(y * stddev + mean, -HIGHEST_ARCSINH, HIGHEST_ARCSINH)
        return center + width * (0.5 * (expm1(inner) - expm1(-inner)))

    def log_derivative(self, x: Any) -> Any:
        """Return -1/2 log(1 + ((x - center) / width)^2) - log width - log stddev."""
        center, width, _, stddev = self._weights(x)
        return -0.5 * log1psquare((x - center) / width) - tf.math.log(width * stddev)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        center, width = (None, None) if self.given is None else self.given
        return {**super().get_config(), "center": center, "width": width}


class _Sample:
    """A uniform random sample of the rows seen; the same for the same rows in the same order."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.count: Any = 0
        self.keys = np.zeros(0)
        self.rows: Any = None

    def add(self, values: np.ndarray, mask: np.ndarray) -> None:
        """Add rows (n, size) or numbers (n,) where `mask` holds; keep those of the least keys."""
        self.count = self.count + mask.sum(axis=0)
        rows = np.where(mask, values, np.nan).reshape(len(values), -1)
        keys = np.concatenate([self.keys, self.random.random(len(rows))])
        rows = rows if self.rows is None else np.concatenate([self.rows, rows])
        kept = np.sort(np.argsort(keys)[:MOST_ROWS])
        self.keys, self.rows = keys[kept], rows[kept]


def _numbers_of(values: np.ndarray) -> tuple[float, float, float, float]:
    """Return center, width, mean and stddev of a column."""
    low, center, high = np.quantile(values, QUANTILES)
    stddev = float(np.std(values))
    # The model computes in float32, in which such values differ by rounding alone.
    rounding = np.finfo("float32").eps * np.abs(values)
    if stddev <= rounding.max():
        return center, 1.0, 0.0, 1.0
    # Where most values are equal, as in a column that is mostly zero, the quantiles have no
    # distance.
    width = 0.5 * (high - low)
    width = stddev if width <= np.median(rounding) else width
    mapped = np.arcsinh((values - center) / width)
    return center, width, float(np.mean(mapped)), float(np.std(mapped))
