"""Numbers as the condition."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.conditions.condition import Condition
from kvae.contract import Domain, InputSpec
from kvae.transforms import Standardization, Transform

__all__ = ["Numbers"]


@keras.saving.register_keras_serializable(package="kvae")
class Numbers(Condition):
    """Numbers in one or several columns, read standardized.

    A missing number is NaN. Where numbers may be missing, the vector has a second element for each
    column, zero where the number is known: a pair of the learned null token stands for a missing
    one. `drop` drops all columns of an example.

    Args:
        columns: int, for conditions of shape (batch, columns); None for one number, conditions of
            shape (batch,).
        transform: `kvae.transforms.Transform` from raw numbers to what the networks read; by
            default a `Standardization`, whose moments `adapt` takes from the training data.
        drop: see `Condition`.
        missing: see `Condition`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> angle = kvae.conditions.Numbers(
        ...     transform=kvae.transforms.Standardization(90.0, 45.0), missing=True
        ... )
        >>> angle(tf.constant([180.0, np.nan])).numpy()
        array([[2., 0.],
               [0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        columns: int | None = None,
        transform: Transform | None = None,
        drop: float = 0.0,
        missing: bool | None = None,
        **kwargs: Any,
    ):
        columns = checks.optional_positive_int("columns", columns)
        super().__init__(() if columns is None else (columns,), drop, missing, **kwargs)
        self.columns = columns
        if isinstance(transform, dict):
            transform = keras.saving.deserialize_keras_object(transform)
        self.transform = Standardization() if transform is None else transform
        if not isinstance(self.transform, Transform):
            raise ValueError(
                "Expected transform to be a kvae.transforms.Transform. Received: "
                f"transform={transform!r}"
            )

    @property
    def size(self) -> int:
        """Number of elements of the vector: two for each column where it may be missing."""
        return (self.columns or 1) * (2 if self.missing else 1)

    @property
    def missing_value(self) -> Any:
        """NaN, in every column."""
        return np.full(self.shape, np.nan, "float32")

    def spec(self) -> InputSpec:
        """Return the shape and the valid numbers of a raw condition."""
        domain = replace(self.transform.domain(Domain()), missing=self.missing)
        return InputSpec(self.shape, "float32", domain)

    def build(self, input_shape: Any = None) -> None:
        """Create the moments and the null token."""
        if not self.transform.built:
            self.transform.build((None, *self.shape))
        self.add_null_token(np.repeat([0.0, 1.0], self.columns or 1))
        super().build(input_shape)

    def vector(self, condition: Any) -> Any:
        """Return the numbers after the transform, (batch, size)."""
        numbers = self.transform.forward(tf.cast(condition, tf.float32))
        numbers = tf.reshape(numbers, [-1, self.columns or 1])
        if not self.missing:
            return numbers
        missing = tf.not_equal(numbers, numbers)  # NaN
        pairs = tf.concat([numbers, tf.zeros_like(numbers)], axis=-1)
        return tf.where(tf.concat([missing, missing], axis=-1), self.null_token, pairs)

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the transform, which `adapt` fits."""
        return [(slice(None), self.transform)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        transform = keras.saving.serialize_keras_object(self.transform)
        return {**super().get_config(), "columns": self.columns, "transform": transform}
