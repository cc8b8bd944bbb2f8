"""Apply a graph function to arrays in batches: bounded memory, one trace."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks

__all__ = ["BatchedFunction"]

BATCH_SIZE = 512


class BatchedFunction:
    """Run `function` on slices of an array and join the results as NumPy arrays.

    Args:
        function: takes a tensor of shape (batch, ...), and with `seed` a stateless seed of shape
            (2,) of its own for each batch; returns a structure of tensors of shape (batch, ...).
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = tf.function(function, reduce_retracing=True, autograph=False)

    def __call__(self, array: np.ndarray, batch_size: int | None = None, seed: Any = None) -> Any:
        """Return the structure of joined results, each of shape (examples, ...)."""
        size = checks.optional_positive_int("batch_size", batch_size) or BATCH_SIZE
        parts = []
        for start in range(0, len(array), size):
            batch: list[Any] = [tf.convert_to_tensor(array[start : start + size])]
            if seed is not None:
                batch.append(tf.random.fold_in(seed, start))
            result = self.function(*batch)
            parts.append(tf.nest.map_structure(lambda tensor: tensor.numpy(), result))
        return tf.nest.map_structure(lambda *values: np.concatenate(values), *parts)
