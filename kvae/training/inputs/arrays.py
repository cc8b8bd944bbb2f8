"""Batches gathered from arrays that stay where they are.

NumPy gathers: an array in memory is not copied as a whole, and a mapped file is read row by row,
so that it may be larger than the memory.
"""

import itertools
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract.mapped import Released, is_mapped
from kvae.training.distribution import agreed_seed, local_replicas
from kvae.training.inputs.order import Order
from kvae.training.inputs.parts import Part, PartsDataset, rows_of_part

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
        strategy: the `tf.distribute.Strategy` of the model; None for one replica.

    Attributes:
        dataset: batches in the structure of `arrays`; under several replicas a `PartsDataset`, of
            which each process gathers its own rows. Each iteration is an epoch.

    Example:
        >>> from kvae.training.inputs.arrays import ArrayFeed
        >>> from kvae.training.inputs.order import Order
        >>> feed = ArrayFeed((np.arange(4),), Order(4, batch_size=3))
        >>> [batch.numpy().tolist() for batch, in feed.dataset]
        [[0, 1, 2], [3]]
    """

    def __init__(self, arrays: Any, order: Order, strategy: Any = None):
        self.order = order
        self._replicas = 1 if strategy is None else strategy.num_replicas_in_sync
        self._local = [0] if strategy is None else local_replicas(strategy)
        leaves = [np.asanyarray(array) for array in tf.nest.flatten(arrays)]
        held = {_memory(array): array for array in leaves}
        self._held = list(held.values())
        self._structure = arrays
        self._places = [list(held).index(_memory(array)) for array in leaves]
        self._dtypes = [_fed_dtype(array.dtype) for array in self._held]
        self._sorted = any(is_mapped(array) for array in self._held)
        self._released = [Released(array) for array in self._held]
        several = self._replicas > 1
        if several:
            agreed_seed(strategy, order)  # raises where workers have arrays of other sizes
        batches = tf.data.Dataset.range(order.batches).map(self._parts if several else self._batch)
        dataset = without_autotune(batches.prefetch(self._ahead()))
        self.dataset = PartsDataset(dataset) if several else dataset

    def gather(self, batch: Any) -> list[np.ndarray]:
        """Return the rows that a batch of the present epoch takes from each array."""
        return self._take(self._rows(batch))

    def _gather_parts(self, batch: Any) -> list[np.ndarray]:
        """Return the rows of each local replica, their number and their share of the batch."""
        rows = self._rows(batch)
        gathered: list[Any] = []
        for replica in self._local:
            own, examples = rows_of_part(rows, replica, self._replicas)
            share = examples / max(len(rows), 1)  # a batch that is skipped has no rows
            gathered += [*self._take(own), np.int32(examples), np.float32(share)]
        return gathered

    def _rows(self, batch: Any) -> np.ndarray:
        rows = self.order.rows(batch)
        return np.sort(rows) if self._sorted else rows

    def _take(self, rows: np.ndarray) -> list[np.ndarray]:
        return [
            np.asarray(released.take(rows), dtype)
            for released, dtype in zip(self._released, self._dtypes, strict=True)
        ]

    def _ahead(self) -> int:
        """Return how many batches to gather ahead."""
        parts = zip(self._held, self._dtypes, strict=True)
        row = sum(math.prod(array.shape[1:]) * dtype.itemsize for array, dtype in parts)
        batch = self.order.batch_size * row * len(self._local) // self._replicas
        return min(max(AHEAD_BYTES // max(batch, 1), 2), MOST_AHEAD)

    @tf.autograph.experimental.do_not_convert
    def _batch(self, index: Any) -> Any:
        return self._packed(tf.numpy_function(self.gather, [index], self._tensor_dtypes))

    @tf.autograph.experimental.do_not_convert
    def _parts(self, index: Any) -> Any:
        dtypes = [*self._tensor_dtypes, tf.int32, tf.float32]
        gathered = iter(tf.numpy_function(self._gather_parts, [index], dtypes * len(self._local)))
        parts = [list(itertools.islice(gathered, len(dtypes))) for _ in self._local]
        return tuple(
            Part(self._packed(arrays), tf.ensure_shape(examples, ()), tf.ensure_shape(share, ()))
            for *arrays, examples, share in parts
        )

    @property
    def _tensor_dtypes(self) -> list[tf.DType]:
        return [tf.as_dtype(dtype) for dtype in self._dtypes]

    def _packed(self, gathered: list[Any]) -> Any:
        """Return the gathered rows in the structure of the arrays."""
        shaped = [
            tf.ensure_shape(part, (None, *array.shape[1:]))
            for part, array in zip(gathered, self._held, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._structure, [shaped[place] for place in self._places])


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
