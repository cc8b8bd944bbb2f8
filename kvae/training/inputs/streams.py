"""Streams of batches, each of which is checked before it reaches the model.

A tf.data pipeline is checked inside the pipeline, everything else in Python: a
`keras.utils.PyDataset`, a generator, an iterable such as a data loader. Every batch then has the
one form that `kvae.training.inputs` documents.
"""

from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kvae.training.inputs.arrays import without_autotune

if TYPE_CHECKING:
    from kvae.training.inputs.inputs import Inputs

__all__ = ["check_ends", "checked", "dense", "no_batch", "split"]


def checked(stream: Any, inputs: "Inputs", target: bool = True) -> Any:
    """Return a stream of batches whose every batch is checked.

    Args:
        stream: tf.data.Dataset, PyDataset, generator or another iterable; it yields x, (x,),
            (x, y) or (x, y, sample_weight), where x may be a dict of named inputs.
        inputs: what the batches have to be.
        target: whether a required target has to be in them.

    Returns:
        What Keras takes. A Python generator stays one, is trained on as Keras does
        (`steps_per_epoch` batches an epoch) and is not advanced here. Another iterable becomes a
        tf.data.Dataset that iterates over it anew in each epoch.

    Raises:
        ValueError: If it is no stream, is known to be empty, or cannot be valid by shape or dtype.
    """
    if isinstance(stream, tf.data.Dataset):
        return _dataset(stream, inputs, target)
    if isinstance(stream, keras.utils.PyDataset):
        if stream.num_batches == 0:
            raise no_batch(stream)
        return _CheckedPyDataset(stream, inputs, target)
    if isinstance(stream, tf.distribute.DistributedDataset):
        raise ValueError(
            "Expected x to be the tf.data.Dataset itself, which fit distributes. Received: a "
            f"{type(stream).__name__}"
        )
    if isinstance(stream, Iterator):
        return _batches(stream, inputs, target)
    if isinstance(stream, Iterable) and not isinstance(stream, str | bytes):
        return _restarted(stream, inputs, target)
    raise ValueError(
        "Expected x to be an array, a dict of arrays by name, a tf.data.Dataset, a PyDataset, a "
        f"generator or an iterable of batches. Received: x={stream!r}"
    )


def check_ends(data: Any, steps: int | None, name: str, option: str | None, times: int = 1) -> None:
    """Raise where nothing says how many batches to take of data that need it.

    These are data that repeat for ever, and a generator that is read several times: each time but
    the first Keras would go on with the one or two batches that it looked at to learn their shapes.

    Args:
        data: what Keras is given.
        steps: batches to take each time; None for all of them.
        name: of the data.
        option: name of `steps`; None where there is no such option.
        times: how often the data are read.
    """
    if steps is not None:
        return
    endless = None
    if isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY:
        endless = "that of tf.data.Dataset.repeat()"
    elif isinstance(data, keras.utils.PyDataset) and data.num_batches is None:
        endless = "a keras.utils.PyDataset without a number of batches"
    if endless and option is None:
        raise ValueError(
            f"Expected {name} that ends, such as {name}.take(batches) of a tf.data.Dataset. "
            f"Received: endless data, {endless}"
        )
    if endless:
        raise ValueError(
            f"Expected {option} with endless {name}, such as {endless}. Received: {option}=None"
        )
    if isinstance(data, Iterator) and times > 1:
        raise ValueError(
            f"Expected {name} that can be read {times} times, such as a data loader or a "
            f"tf.data.Dataset, or {option}. Received: a generator, which can be read once, and "
            f"{option}=None"
        )


def split(batch: Any) -> tuple[Any, Any, Any]:
    """Return x, y and the sample weights of a batch; the latter two may be None."""
    if not isinstance(batch, tuple | list):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            "Expected a batch to be x, (x,), (x, y) or (x, y, sample_weight). Received: "
            f"{len(batch)} parts"
        )
    x, y, sample_weight = (*batch, None, None)[:3]
    return x, y, sample_weight


def dense(spec: Any, name: str) -> tuple[Any, Any]:
    """Return shape and dtype of a `tf.TypeSpec`, or raise if it is none of a dense tensor."""
    if isinstance(spec, tf.SparseTensorSpec | tf.RaggedTensorSpec):
        convert = "tf.sparse.to_dense" if isinstance(spec, tf.SparseTensorSpec) else "x.to_tensor"
        raise ValueError(
            f"Expected {name} to be a dense tensor. Received: a {type(spec).__name__}. Convert it "
            f"in the pipeline by {convert}."
        )
    if not hasattr(spec, "shape"):
        raise ValueError(f"Expected {name} to be a tensor. Received: {spec!r}")
    return spec.shape, spec.dtype


def _dataset(dataset: tf.data.Dataset, inputs: "Inputs", target: bool) -> tf.data.Dataset:
    """Return a tf.data pipeline with assertions for each batch."""
    if dataset.cardinality() == 0:
        raise no_batch(dataset)
    spec = dataset.element_spec
    inputs.check_static(_without_none(spec), target)
    is_tuple = isinstance(spec, tuple)

    @tf.autograph.experimental.do_not_convert
    def check(*parts: Any) -> tuple[Any, ...]:
        return inputs.check_in_graph(parts if is_tuple else parts[0], target)

    return without_autotune(dataset.map(check))


def _without_none(spec: Any) -> Any:
    """Return the structure of an element with None where tf.data has a spec of None."""
    if isinstance(spec, tuple | list):
        return tuple(_without_none(part) for part in spec)
    if isinstance(spec, dict):
        return {name: _without_none(part) for name, part in spec.items()}
    return None if isinstance(spec, tf.NoneTensorSpec) else spec


def _batches(batches: Iterable[Any], inputs: "Inputs", target: bool) -> Iterator[tuple[Any, ...]]:
    """Yield checked batches; Keras takes a generator for what it is."""
    empty = True
    for batch in batches:
        empty = False
        yield inputs.stream_batch(batch, target)
    if empty:
        raise no_batch(batches)


def _restarted(data: Iterable[Any], inputs: "Inputs", target: bool) -> tf.data.Dataset:
    """Return a dataset that iterates over `data` anew in each epoch."""
    # The first batch tells the structure; iterating again begins with it again.
    signature = inputs.signature(next(_batches(data, inputs, target)))
    dataset = tf.data.Dataset.from_generator(
        lambda: _batches(data, inputs, target), output_signature=signature
    )
    if isinstance(data, Sized):
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(data)))
    return without_autotune(dataset)


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` that checks the batches of another one."""

    def __init__(self, inner: keras.utils.PyDataset, inputs: "Inputs", target: bool):
        super().__init__(
            workers=inner.workers,
            use_multiprocessing=inner.use_multiprocessing,
            max_queue_size=inner.max_queue_size,
        )
        self.inner, self.inputs, self.target = inner, inputs, target

    @property
    def num_batches(self) -> int | None:
        return self.inner.num_batches

    def __getitem__(self, index: int) -> Any:
        return self.inputs.stream_batch(self.inner[index], self.target)

    def on_epoch_begin(self) -> None:
        self.inner.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.inner.on_epoch_end()


def no_batch(stream: Any) -> ValueError:
    """Return the error that a stream without a batch is."""
    return ValueError(
        f"Expected x to hold at least one batch. Received: an empty {type(stream).__name__}"
    )
