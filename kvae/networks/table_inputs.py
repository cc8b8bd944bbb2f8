"""What a network reads of the columns of a table: classes as one-hot vectors."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kvae import checks

__all__ = ["TableInputs"]


@keras.saving.register_keras_serializable(package="kvae")
class TableInputs(keras.layers.Layer):
    """Numbers, logarithms of counts, and one-hot vectors of classes: (batch, ..., n) to m.

    Each column is replaced by the elements that dense layers learn from; numbers come first, then
    counts, then classes. An input of twice as many columns is taken for values beside their mask of
    ones and zeros, as a `kvae.VAE(missing=True)` shows them to its encoder: all elements of a
    missing column are zero, and the mask is appended.

    Args:
        columns: for each column "number", "count" (log(1 + x) is read), or the number of classes,
            which are given as whole numbers from 0.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `columns` is empty or holds something else.

    Example:
        >>> inputs = kvae.networks.TableInputs(["number", 3, "count"])
        >>> inputs(np.array([[0.5, 2.0, 0.0]])).numpy()
        array([[0.5, 0. , 0. , 0. , 1. ]], dtype=float32)
    """

    xla_pays = True  # see `kvae.training.execution`

    def __init__(self, columns: Sequence[int | str], **kwargs: Any):
        # In half precision class 257 would be 256, and a count of 1e5 infinite.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.columns = [
            column if column in ("number", "count") else checks.positive_int("columns", column)
            for column in columns
        ]
        if not self.columns:
            raise ValueError("Expected columns to name at least one column. Received: columns=[]")
        classes = [
            (place, k)
            for place, count in enumerate(self.columns)
            if isinstance(count, int)
            for k in range(count)
        ]
        self._numbers = [i for i, column in enumerate(self.columns) if column == "number"]
        self._counts = [i for i, column in enumerate(self.columns) if column == "count"]
        self._owners = [place for place, _ in classes]
        self._classes = np.array([k for _, k in classes], "float32")

    def build(self, input_shape: Any) -> None:
        """Check the width of the input."""
        width, columns = input_shape[-1], len(self.columns)
        if width not in (columns, 2 * columns):
            raise ValueError(
                f"Expected inputs of shape (batch, {columns}), or (batch, {2 * columns}) with the "
                f"mask of missing values. Received: {tuple(input_shape)}"
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return what the network reads, shape (batch, ..., m)."""
        columns = len(self.columns)
        masked = inputs.shape[-1] == 2 * columns
        parts = []
        if self._numbers:
            parts.append(ops.take(inputs, self._numbers, axis=-1))
        if self._counts:
            counts: Any = ops.relu(ops.take(inputs, self._counts, axis=-1))
            parts.append(ops.log(1.0 + counts))  # TFLite has no log1p
        if self._owners:
            values = ops.take(inputs, self._owners, axis=-1)
            is_class = ops.equal(values, ops.cast(self._classes, values.dtype))
            one_hot: Any = ops.cast(is_class, inputs.dtype)
            if masked:
                known = ops.take(inputs, [columns + owner for owner in self._owners], axis=-1)
                one_hot = one_hot * known
            parts.append(one_hot)
        if masked:
            parts.append(inputs[..., columns:])
        return ops.cast(ops.concatenate(parts, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, ..., m)."""
        width = len(self._numbers) + len(self._counts) + len(self._owners)
        masked = input_shape[-1] == 2 * len(self.columns)
        return (*tuple(input_shape)[:-1], width + (len(self.columns) if masked else 0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "columns": list(self.columns)}
