"""A fixed linear map."""

import math
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain
from kvae.transforms.transform import Transform

__all__ = ["Rescaling"]


@keras.saving.register_keras_serializable(package="kvae")
class Rescaling(Transform):
    """y = scale * x + offset.

    Args:
        scale: number other than zero.
        offset: number.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `scale` is zero, or one of them is not finite.

    Example:
        >>> celsius = kvae.transforms.Rescaling(0.1, offset=-2.0)
        >>> celsius(tf.constant([20.0, 30.0])).numpy()
        array([0., 1.], dtype=float32)
    """

    is_affine = True

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = checks.finite("scale", scale)
        self.offset = checks.finite("offset", offset)
        if self.scale == 0.0:
            raise ValueError("Expected scale to be a number other than zero. Received: scale=0.0")

    def forward(self, x: Any) -> Any:
        """Return scale * x + offset."""
        return x * self.scale + self.offset

    def inverse(self, y: Any) -> Any:
        """Return (y - offset) / scale."""
        return (y - self.offset) / self.scale

    def log_derivative(self, x: Any) -> Any:
        """Return log |scale|, a scalar."""
        return tf.constant(math.log(abs(self.scale)), x.dtype)

    def domain(self, inner: Domain) -> Domain:
        """Return the interval that is mapped to that of `inner`."""
        if inner.integer or inner.categories or inner.columns:
            return super().domain(inner)
        ends = sorted(self.inverse(end) for end in (inner.low, inner.high))
        return Domain(*ends)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
