"""Batches gathered from arrays that stay where they are.

NumPy gathers: an array in memory is not copied as a whole, and a mapped file is read row by row,
so that it may be larger than the memory.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract.mapped import Released, is_mapped
from kvae.training.inputs.order import Order

__all__ = ["ArrayFeed", "without_autotune"]

# Batches gathered while the network computes: about those of an execution, if they are small.
AHEAD_BYTES = 16 * 2**20
MOST_AHEAD = 64  # batches


class ArrayFeed:
    """A dataset of batches gathered from arrays in the order that an `Order` says.

    Integers stay integers and floats of 64 bits become Keras' floats, batch by batch. The rows of
    a batch are read in ascending order where an array is mapped from a file: which examples make a
    batch is what matters, not their order in it.

    Args:
        arrays: a structure (tuple, dict) of arrays of shape (examples, ...). An array that is in
            it twice is gathered once.
        order: which rows make up which batch.

    Attributes:
        dataset: batches in the structure of `arrays`; each iteration is an epoch.

    Example:
        >>> from kvae.training.inputs.arrays import ArrayFeed
        >>> from kvae.training.inputs.order import Order
        >>> feed = ArrayFeed((np.arange(4),), Order(4, batch_size=3))
        >>> [batch.numpy().tolist() for batch, in feed.dataset]
        [[0, 1, 2], [3]]
    """

    def __init__(self, arrays: Any, order: Order):
        self.order = order
        leaves = [np.asanyarray(array) for array in tf.nest.flatten(arrays)]
        held = {_memory(array): array for array in leaves}
        self._held = list(held.values())
        self._structure = arrays
        self._places = [list(held).index(_memory(array)) for array in leaves]
        self._dtypes = [_fed_dtype(array.dtype) for array in self._held]
        self._sorted = any(is_mapped(array) for array in self._held)
        self._released = [Released(array) for array in self._held]
        batches = tf.data.Dataset.range(order.batches).map(self._batch)
        self.dataset = without_autotune(batches.prefetch(self._ahead()))

    def gather(self, batch: Any) -> list[np.ndarray]:
        """Return the rows that a batch of the present epoch takes from each array."""
        rows = self.order.rows(batch)
        if self._sorted:
            rows = np.sort(rows)
        return [
            np.asarray(released.take(rows), dtype)
            for released, dtype in zip(self._released, self._dtypes, strict=True)
        ]

    def _ahead(self) -> int:
        """Return how many batches to gather ahead."""
        parts = zip(self._held, self._dtypes, strict=True)
        row = sum(math.prod(array.shape[1:]) * dtype.itemsize for array, dtype in parts)
        batch = self.order.batch_size * row
        return min(max(AHEAD_BYTES // max(batch, 1), 2), MOST_AHEAD)

    @tf.autograph.experimental.do_not_convert
    def _batch(self, index: Any) -> Any:
        gathered = tf.numpy_function(self.gather, [index], [tf.as_dtype(d) for d in self._dtypes])
        parts = [
            tf.ensure_shape(part, (None, *array.shape[1:]))
            for part, array in zip(gathered, self._held, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._structure, [parts[place] for place in self._places])


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return `dataset` with tf.data's autotuner off."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _fed_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of batches: TensorFlow knows this machine's byte order alone."""
    return np.dtype(keras.config.floatx() if dtype == np.float64 else dtype.newbyteorder("="))


def _memory(array: np.ndarray) -> tuple[Any, ...]:
    """Return what tells apart arrays in memory: two views of the same elements are equal."""
    interface = array.__array_interface__
    return interface["data"], array.shape, array.strides, array.dtype.str
