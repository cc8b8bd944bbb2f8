"""Vectors, such as embeddings of another model, as the condition."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.conditions.condition import Condition
from kvae.contract import Domain, InputSpec

__all__ = ["Vectors"]


@keras.saving.register_keras_serializable(package="kvae")
class Vectors(Condition):
    """Vectors that networks read as they are.

    A vector with a NaN is missing: the learned null token stands for it.

    Args:
        size: int, number of elements of a vector.
        drop: see `Condition`.
        missing: see `Condition`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> kvae.conditions.Vectors(512)(tf.zeros((3, 512))).shape
        TensorShape([3, 512])
    """

    def __init__(self, size: int, drop: float = 0.0, missing: bool | None = None, **kwargs: Any):
        size = checks.positive_int("size", size)
        super().__init__((size,), drop, missing, **kwargs)

    @property
    def size(self) -> int:
        """Number of elements of a vector."""
        return self.shape[0]

    @property
    def missing_value(self) -> Any:
        """A vector of NaN."""
        return np.full(self.shape, np.nan, "float32")

    def spec(self) -> InputSpec:
        """Return the shape of a raw condition."""
        return InputSpec(self.shape, "float32", replace(Domain(), missing=self.missing))

    def build(self, input_shape: Any = None) -> None:
        """Create the null token."""
        self.add_null_token()
        super().build(input_shape)

    def vector(self, condition: Any) -> Any:
        """Return the vectors, (batch, size)."""
        vector = tf.cast(condition, tf.float32)
        if not self.missing:
            return vector
        missing = tf.reduce_any(tf.not_equal(vector, vector), axis=-1, keepdims=True)
        return tf.where(missing, self.null_token, vector)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "size": self.size}
