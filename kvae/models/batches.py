"""Apply a graph function to arrays in batches: bounded memory, one trace."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks

__all__ = ["BatchedFunction"]

BATCH_SIZE = 512
SEED = tf.TensorSpec((2,), tf.int32)


class BatchedFunction:
    """Run `function` on slices of an array and join the results as NumPy arrays.

    It is traced once for each dtype and shape of the examples, with an open batch dimension.

    Args:
        function: takes a tensor of shape (batch, ...), and with `seed` a stateless seed of shape
            (2,) of its own for each batch; returns a structure of tensors of shape (batch, ...).
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = tf.function(function, autograph=False)
        self._traced: dict[Any, Any] = {}

    def __call__(self, array: np.ndarray, batch_size: int | None = None, seed: Any = None) -> Any:
        """Return the structure of joined results, each of shape (examples, ...)."""
        size = checks.optional_positive_int("batch_size", batch_size) or BATCH_SIZE
        parts = []
        for start in range(0, len(array), size):
            batch: list[Any] = [tf.convert_to_tensor(array[start : start + size])]
            if seed is not None:
                batch.append(tf.cast(tf.random.fold_in(seed, start), tf.int32))
            result = self._concrete(batch[0], len(batch) > 1)(*batch)
            parts.append(tf.nest.map_structure(lambda tensor: tensor.numpy(), result))
        return tf.nest.map_structure(lambda *values: np.concatenate(values), *parts)

    def _concrete(self, examples: Any, seeded: bool) -> Any:
        """Return the traced function.

        TensorFlow counts the traces of one Python function over all models of a process, and warns
        of the fifth in ten calls. It does not count those of `get_concrete_function`.
        """
        key = examples.dtype, tuple(examples.shape[1:]), seeded
        if key not in self._traced:
            spec = tf.TensorSpec((None, *key[1]), key[0])
            self._traced[key] = self.function.get_concrete_function(
                spec, *([SEED] if seeded else [])
            )
        return self._traced[key]
