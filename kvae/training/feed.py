"""From what users hand to `fit` to checked `tf.data` batches.

Arrays are checked as a whole before anything runs; `tf.data` pipelines and `PyDataset`s are
checked batch by batch, inside the pipeline, before a batch reaches the model.

Keras' `fit` on TensorFlow can stand still for tens of seconds at an epoch's end while tf.data's
autotuner is on, so every tf.data pipeline that leaves here has it off.
"""

import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.layers import Support
from kvae.training.arrays import ArrayFeed, without_autotune
from kvae.training.mapped import chunks, is_mapped
from kvae.training.order import Order

__all__ = [
    "Expected",
    "array_feed",
    "as_dataset",
    "checked",
    "explained",
    "sizes",
    "without_autotune",
]

MARK = "kvae expected "
DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True)
class Expected:
    """What an argument has to be: (batch, *shape) with elements in `support`."""

    name: str
    shape: tuple[int | None, ...]
    support: Support

    def check_spec(self, shape: Any, dtype: Any) -> None:
        """Raise a ValueError if shape or dtype cannot fit."""
        dtype = tf.as_dtype(dtype)
        if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
            raise ValueError(f"Expected {self.name} to hold numbers. Received: {dtype.name}")
        if isinstance(shape, tf.TensorShape) and shape.rank is None:
            return
        shape = tuple(shape)
        fits = len(shape) == len(self.shape) + 1 and all(
            size is None or expected is None or size == expected
            for size, expected in zip(shape[1:], self.shape, strict=True)
        )
        if not fits:
            hint = ""
            if (*shape[1:], 1) == self.shape:
                hint = " Add a channel axis: x[..., None]."
            elif shape == self.shape:
                hint = " Add a batch axis: x[None]."
            expected = ", ".join(map(str, ("batch", *self.shape)))
            raise ValueError(
                f"Expected {self.name} to have shape ({expected}). Received: shape {shape}.{hint}"
            )

    def check_array(self, value: Any) -> np.ndarray:
        """Return `value` as an array, or raise a ValueError that says what does not fit.

        A `np.memmap` stays one. Elements are looked at in chunks, without copies of the whole.
        """
        value = value if is_mapped(value) else np.asarray(value)
        if value.dtype == object or value.dtype.kind in "USO":
            raise ValueError(f"Expected {self.name} to hold numbers. Received: {value.dtype}")
        self.check_spec(value.shape, value.dtype)
        if not len(value):
            raise ValueError(
                f"Expected {self.name} to hold at least one example. Received: shape {value.shape}"
            )
        self._check_elements(value)
        if value.dtype == np.float64 and not is_mapped(value):  # those are cast batch by batch
            return value.astype(keras.config.floatx())
        return value

    def _check_elements(self, value: np.ndarray) -> None:
        """Raise a ValueError if elements lie outside the support."""
        found: dict[str, tuple[Support, list[float], list[bool]]] = {}
        for chunk in chunks(value):
            for part, support, elements in self.support.parts(chunk):
                _, ends, whole = found.setdefault(part, (support, [], []))
                ends += [float(elements.min()), float(elements.max())]
                whole.append(not support.integer or bool(np.all(elements == np.floor(elements))))
        for part, (support, ends, whole) in found.items():
            # NumPy's min and max pass NaN on, Python's do not.
            problem = support.problem(float(np.min(ends)), float(np.max(ends)), all(whole))
            if problem:
                raise ValueError(f"Expected {self.name}{part} to hold {problem}")

    def check_tensor(self, value: Any) -> Any:
        """Return `value` behind an assertion that `explained` can read back; for pipelines."""
        value = tf.convert_to_tensor(value)
        checks = [self._fits(*part) for part in self.support.parts(value)]
        with tf.control_dependencies(checks):
            return tf.identity(value)

    def _fits(self, part: str, support: Support, elements: Any) -> Any:
        """Return an assertion that the elements of a part lie in its support."""
        low, high = tf.reduce_min(elements), tf.reduce_max(elements)
        low, high = tf.cast(low, tf.float32), tf.cast(high, tf.float32)
        fits = (low >= support.low) & (high <= support.high)  # False for NaN
        fits &= tf.math.is_finite(low) & tf.math.is_finite(high)
        if support.integer and elements.dtype.is_floating:
            fits &= tf.reduce_all(tf.equal(elements, tf.floor(elements)))
        said = f"{MARK}{self.name}{part} to hold {support}. {support.hint} Received: values in"
        return tf.debugging.Assert(fits, [said, low, high])


def as_dataset(
    arrays: tuple[Any, ...], batch_size: int | None = None, shuffle: bool = False
) -> tf.data.Dataset:
    """Return a dataset of batches gathered from arrays, which are not copied.

    Args:
        arrays: (x, y, sample_weight), each of shape (examples, ...) or None.
        batch_size: examples a batch; the last batch may be short.
        shuffle: whether to shuffle anew in each epoch.

    Returns:
        A dataset of tuples (x,), (x, y) or (x, y, sample_weight); y is x where it was None.
    """
    return array_feed(arrays, batch_size, shuffle).dataset


def array_feed(
    arrays: tuple[Any, ...],
    batch_size: int | None = None,
    shuffle: bool = False,
    batches: int | None = None,
) -> ArrayFeed:
    """Return the feed behind `as_dataset`, which can be told the epoch.

    Args:
        arrays: as for `as_dataset`.
        batch_size: as for `as_dataset`.
        shuffle: as for `as_dataset`.
        batches: batches an epoch; all that there are by default.
    """
    # Keras' own generator of seeds, so that keras.utils.set_random_seed decides the order.
    seed = int(keras.random.randint((), 0, 2**31 - 1)) if shuffle else 0
    size = batch_size or DEFAULT_BATCH_SIZE
    return ArrayFeed(arrays, Order(len(arrays[0]), size, shuffle, seed, batches))


def sizes(data: Any, order: Order | None, batches: int | None = None) -> dict[str, Any]:
    """Return what tells one run from another: the sizes of its data and batches.

    Args:
        data: what is handed to Keras' `fit`.
        order: the order of arrays, None for other data.
        batches: batches an epoch as far as the user said it.
    """
    if order is not None:
        return {
            "batches": order.batches,
            "batch_size": order.batch_size,
            "examples": order.examples,
            "shuffle": order.shuffle,
        }
    if batches is None and isinstance(data, tf.data.Dataset):
        cardinality = int(data.cardinality())
        batches = cardinality if cardinality >= 0 else None  # negative: endless or unknown
    if batches is None and isinstance(data, keras.utils.PyDataset):
        batches = data.num_batches
    return {"batches": batches}


def checked(dataset: Any, inputs: Expected, targets: Expected) -> Any:
    """Return a tf.data or PyDataset `dataset` whose every batch is checked.

    Args:
        dataset: yields x, (x, y) or (x, y, sample_weight).
        inputs: what x has to be where y is given.
        targets: what y has to be, and x where it stands alone.

    Raises:
        ValueError: If the elements of a tf.data pipeline cannot fit by shape or dtype.
    """
    if isinstance(dataset, tf.data.Dataset):
        for value, expected in _paired(dataset.element_spec, inputs, targets):
            expected.check_spec(value.shape, value.dtype)
        return without_autotune(dataset.map(lambda *batch: _assert_batch(batch, inputs, targets)))
    if isinstance(dataset, keras.utils.PyDataset):
        return _CheckedPyDataset(dataset, inputs, targets)
    return dataset


def explained(error: tf.errors.InvalidArgumentError) -> ValueError | None:
    """Return the clear error behind a failed check inside a pipeline, or None."""
    if MARK in error.message:  # of `check_tensor`: "... [text] [low] [high]"
        said = error.message.split(MARK, 1)[1].split("[[", 1)[0].split("\n", 1)[0]
        text, low, high = said.rstrip(" ]").rsplit("] [", 2)
        return ValueError(f"Expected {text} [{low}, {high}].")
    # Of a `_CheckedPyDataset`: TensorFlow quotes what Python raised.
    raised = re.search(r"ValueError: (Expected .* Received: .*)", error.message)
    return ValueError(raised[1]) if raised else None


def _paired(batch: Any, inputs: Expected, targets: Expected) -> list[tuple[Any, Expected]]:
    """Pair the tensors of `batch` that are data with what they have to be."""
    if not isinstance(batch, tuple | list):
        return [(batch, targets)]
    if len(batch) == 1 or batch[1] is None:
        return [(batch[0], targets)]
    return [(batch[0], inputs), (batch[1], targets)]


def _assert_batch(batch: tuple[Any, ...], inputs: Expected, targets: Expected) -> tuple[Any, ...]:
    data = [expected.check_tensor(value) for value, expected in _paired(batch, inputs, targets)]
    return (*data, *batch[len(data) :])


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` that checks the batches of another one."""

    def __init__(self, inner: keras.utils.PyDataset, inputs: Expected, targets: Expected):
        super().__init__(
            workers=inner.workers,
            use_multiprocessing=inner.use_multiprocessing,
            max_queue_size=inner.max_queue_size,
        )
        self.inner, self.inputs, self.targets = inner, inputs, targets

    @property
    def num_batches(self) -> int | None:
        return self.inner.num_batches

    def __getitem__(self, index: int) -> Any:
        batch = self.inner[index]
        for value, expected in _paired(batch, self.inputs, self.targets):
            expected.check_array(value)
        return batch

    def on_epoch_begin(self) -> None:
        self.inner.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.inner.on_epoch_end()
