"""Columns between two bounds."""

import math
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain
from kvae.transforms.transform import Transform

__all__ = ["Logit"]


@keras.saving.register_keras_serializable(package="kvae")
class Logit(Transform):
    """y = log(u / (1 - u)) with u = margin + (1 - 2 margin) (x - low) / (high - low).

    For data between two bounds. The margin keeps y finite for data that lie on a bound. The inverse
    stays within the bounds.

    Args:
        low: least value of the data.
        high: greatest value of the data.
        margin: number between 0 and 0.5, the share of [0, 1] left free at each end.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> kvae.transforms.Logit(0.0, 100.0)(tf.constant([50.0])).numpy()
        array([0.], dtype=float32)

    References:
        Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2017, section 4.1,
        https://arxiv.org/abs/1605.08803
    """

    def __init__(self, low: float, high: float, margin: float = 0.01, **kwargs: Any):
        super().__init__(**kwargs)
        self.low, self.high = checks.finite("low", low), checks.finite("high", high)
        if not self.low < self.high:
            raise ValueError(f"Expected low < high. Received: low={low!r}, high={high!r}")
        self.margin = checks.positive("margin", margin)
        if self.margin >= 0.5:
            raise ValueError(f"Expected margin to be below 0.5. Received: margin={margin!r}")
        self.slope = (1.0 - 2.0 * self.margin) / (self.high - self.low)

    def forward(self, x: Any) -> Any:
        """Return the logit of the share of the range."""
        share = self._share(x)
        return tf.math.log(share) - tf.math.log(1.0 - share)

    def inverse(self, y: Any) -> Any:
        """Return x within [low, high]."""
        x = self.low + (tf.sigmoid(y) - self.margin) / self.slope
        return tf.clip_by_value(x, self.low, self.high)

    def log_derivative(self, x: Any) -> Any:
        """Return log(slope) - log u - log(1 - u)."""
        share = self._share(x)
        return math.log(self.slope) - tf.math.log(share) - tf.math.log(1.0 - share)

    def domain(self, inner: Domain) -> Domain:
        """Return [low, high]."""
        super().domain(inner)
        return Domain(self.low, self.high)

    def _share(self, x: Any) -> Any:
        return self.margin + self.slope * (x - self.low)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        config = {"low": self.low, "high": self.high, "margin": self.margin}
        return {**super().get_config(), **config}
