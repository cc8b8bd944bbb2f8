"""Classes as the condition."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.conditions.condition import Condition
from kvae.contract import Domain, InputSpec
from kvae.special_functions import one_hot

__all__ = ["Classes"]

MISSING = -1


@keras.saving.register_keras_serializable(package="kvae")
class Classes(Condition):
    """Classes 0 to k - 1 of one or several columns, read as one-hot vectors or embeddings.

    A missing class is -1: the column's part of the learned null token stands for it. `drop` drops
    all columns of an example.

    Args:
        num_classes: int k, for conditions of shape (batch,); or the k of each column, for
            conditions of shape (batch, columns).
        embedding_dim: int, length of a learned vector for each class; None for one-hot vectors.
        drop: see `Condition`.
        missing: see `Condition`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> condition = kvae.conditions.Classes(3, missing=True)
        >>> condition(tf.constant([2, -1])).numpy()  # the null token starts at zero
        array([[0., 0., 1.],
               [0., 0., 0.]], dtype=float32)
        >>> kvae.conditions.Classes([10, 2])(tf.constant([[9, 1]])).shape
        TensorShape([1, 12])
    """

    def __init__(
        self,
        num_classes: int | Sequence[int],
        embedding_dim: int | None = None,
        drop: float = 0.0,
        missing: bool | None = None,
        **kwargs: Any,
    ):
        several = hasattr(num_classes, "__iter__")
        sizes = tuple(num_classes) if several else (num_classes,)  # type: ignore[arg-type]
        sizes = tuple(checks.positive_int("num_classes", size) for size in sizes)
        if not sizes:
            raise ValueError(
                f"Expected num_classes to name at least one column. Received: {num_classes!r}"
            )
        super().__init__((len(sizes),) if several else (), drop, missing, **kwargs)
        self.sizes = sizes
        self.embedding_dim = checks.optional_positive_int("embedding_dim", embedding_dim)

    @property
    def size(self) -> int:
        """Number of elements of the vector: the sum over the columns."""
        return sum(self.embedding_dim or size for size in self.sizes)

    @property
    def missing_value(self) -> Any:
        """-1, in every column."""
        return np.full(self.shape, MISSING, "int32")

    def spec(self) -> InputSpec:
        """Return the shape and the classes of a raw condition."""
        low, hint = (MISSING, "-1 stands for a missing class.") if self.missing else (0, "")
        domains = [Domain(low, size - 1, integer=True, hint=hint) for size in self.sizes]
        domain = domains[0]
        if self.shape:
            names = [f"class {index}" for index in range(len(domains))]
            domain = Domain.row(list(zip(names, domains, strict=True)))
        return InputSpec(self.shape, "int32", domain)

    def build(self, input_shape: Any = None) -> None:
        """Create the embeddings and the null token."""
        self.embeddings = [
            self.add_float32_weight((size, self.embedding_dim), "glorot_uniform", f"embedding_{i}")
            for i, size in enumerate(self.sizes)
            if self.embedding_dim is not None
        ]
        self.add_null_token()
        super().build(input_shape)

    def vector(self, condition: Any) -> Any:
        """Return one-hot vectors or embeddings of all columns, (batch, size)."""
        classes = tf.reshape(tf.cast(condition, tf.int32), [-1, len(self.sizes)])
        parts, known = [], []
        for index, size in enumerate(self.sizes):
            vector_of_class = one_hot(classes[:, index], size)  # zeros where the class is missing
            part = vector_of_class @ self.embeddings[index] if self.embeddings else vector_of_class
            parts.append(part)
            known.append(tf.repeat(classes[:, index : index + 1] >= 0, part.shape[-1], axis=-1))
        vector = tf.concat(parts, axis=-1)
        if not self.missing:
            return vector
        return tf.where(tf.concat(known, axis=-1), vector, self.null_token)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        num_classes = self.sizes if self.shape else self.sizes[0]
        own = {"num_classes": num_classes, "embedding_dim": self.embedding_dim}
        return {**super().get_config(), **own}
