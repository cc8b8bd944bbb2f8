"""The logarithm of amounts."""

from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain
from kvae.transforms.transform import Transform

__all__ = ["Log"]

HIGHEST_LOG = 88.0  # exp(88) = 1.7e38


@keras.saving.register_keras_serializable(package="kvae")
class Log(Transform):
    """y = log(x + shift), for amounts of at least zero with a long tail.

    The inverse stays at or above zero: of y below log(shift) it is zero.

    Args:
        shift: positive number in the unit of the data, about the size of the least amounts that
            matter.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `shift` is not positive.

    Example:
        >>> kvae.transforms.Log()(tf.constant([0.0, 1.0])).numpy().round(4)
        array([0.    , 0.6931], dtype=float32)
    """

    def __init__(self, shift: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.shift = checks.positive("shift", shift)

    def forward(self, x: Any) -> Any:
        """Return log(x + shift)."""
        return tf.math.log(x + self.shift)

    def inverse(self, y: Any) -> Any:
        """Return exp(y) - shift, at least zero and finite in float32."""
        return tf.nn.relu(tf.exp(tf.minimum(y, HIGHEST_LOG)) - self.shift)

    def log_derivative(self, x: Any) -> Any:
        """Return -log(x + shift)."""
        return -self.forward(x)

    def domain(self, inner: Domain) -> Domain:
        """Return the numbers of at least zero."""
        super().domain(inner)
        return Domain(low=0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        return {**super().get_config(), "shift": self.shift}
