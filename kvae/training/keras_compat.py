"""Workarounds for Keras: the one module that touches its private interface.

`Trainer._maybe_symbolic_build` of Keras 3.15 makes the variables of metrics from a batch of the
data. It needs the shapes alone, but reduces the batch, a structure of PerReplica values, over the
replicas: under a `MultiWorkerMirroredStrategy` with one replica a worker that fails with "Attempt
to convert a value (PerReplica...) to a Tensor" (keras-team/keras#20585, open). Once Keras takes
the batch as it is, `symbolic_build` is needed only to take one `Part` of the parts of arrays.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from kvae.training.inputs.parts import are_parts
from kvae.training.inputs.streams import split

__all__ = [
    "averages_by_group",
    "has_averages",
    "layers_inside",
    "logs_of_step",
    "losses_of_calls",
    "quiet_arrays",
    "summarizes_batches",
    "symbolic_build",
]


def layers_inside(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return a layer and all layers inside it, to any depth.

    Of Keras' public names `Model.layers` lists the first level of models alone; a layer made of
    layers has none.
    """
    return list(layer._flatten_layers())


def losses_of_calls(layers: Iterable[keras.layers.Layer]) -> list[Any]:
    """Return the losses that the last calls of layers have added, without those of layers inside.

    Keras' public `Layer.losses` also computes the penalties of the weights, at every read.
    """
    return [loss for layer in layers for loss in layer._get_own_losses()]


@contextlib.contextmanager
def averages_by_group(model: Any) -> Iterator[None]:
    """Within it the end of Keras' `fit` sets the weights of every optimizer to their averages.

    Keras 3.15 asks the optimizer of `compile` alone, for all trainable weights of the model, and
    pairs them with its averages by their order: with `use_ema=True` it fails, or takes one for the
    other, where these are not the weights that it updates. An optimizer that is built but has taken
    no step has averages of zero, which it would put in the place of the weights. To be dropped when
    `fit` asks a method of the model which weights those are, and averages begin at the weights.

    Args:
        model: a `LatentModel`; of one that is not compiled Keras says so.
    """
    if not model.compiled:
        yield
        return

    def finalize(_: Any) -> None:
        for optimizer, variables in model.update_groups().values():
            if has_averages(optimizer):
                type(optimizer).finalize_variable_values(optimizer, list(variables))

    optimizer = model.optimizer  # a callback may give the model another one
    optimizer.finalize_variable_values = finalize
    try:
        yield
    finally:
        vars(optimizer).pop("finalize_variable_values", None)


def has_averages(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer holds moving averages of the weights, from its first step on."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not (inner.use_ema and inner.built):
        return False
    return int(tf.convert_to_tensor(inner.iterations)) > 0  # also where it is mirrored


def logs_of_step(model: keras.Model, result_or_logs: Callable[[Any], Any], logs: Any) -> Any:
    """Return the logs of an epoch: those of the last step where it does not feed the means.

    Keras 3.15 puts the results of metrics in the place of logs that have the same names. A
    `train_step` or `test_step` of a subclass may return these names and leave kvae's means empty,
    whose results are zero. To be dropped when Keras asks whether a metric was updated.

    Args:
        model: a `LatentModel`.
        result_or_logs: Keras' own method.
        logs: what the last step returned.
    """
    if not model.takes_parts and model.trackers.are_empty:
        return logs
    return result_or_logs(logs)


def symbolic_build(
    model: keras.Model, build: Callable[..., None], iterator: Any, data_batch: Any
) -> None:
    """Call Keras' `_maybe_symbolic_build` with a batch of one replica where there are several.

    Args:
        model: the model in training.
        build: Keras' own method.
        iterator: as Keras passes it.
        data_batch: as Keras passes it.
    """
    strategy = model.distribute_strategy
    if strategy.num_replicas_in_sync > 1:
        if iterator is not None:
            data_batch, iterator = _first_part(next(next(iter(iterator))[2]), strategy), None
        x, y, sample_weight = split(data_batch)
        if y is None:  # kvae's steps compare x with itself, Keras would compare it with nothing
            y = model.named_inputs().unpack(x)[0].get("target", x)
        data_batch = x, y, sample_weight
    build(iterator=iterator, data_batch=data_batch)


def _first_part(batch: Any, strategy: Any) -> Any:
    """Return the first local replica's part of a batch."""
    if are_parts(batch):
        return batch[0].batch
    return tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], batch)


@contextlib.contextmanager
def quiet_arrays() -> Iterator[None]:
    """Ignore NumPy's warning that Keras' variables do not take `copy` in `__array__`.

    Keras 3.15 causes it whenever it saves a variable: with `python -W error` no model could be
    saved. To be dropped when `keras.Variable.__array__` takes `copy`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword")
        yield


def summarizes_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Return whether a `TensorBoard` does something at each batch, rather than at epochs alone.

    Its hooks of batches count calls otherwise. Keras 3.15 tells only by a private attribute whether
    batches are profiled.

    Example:
        >>> kvae.training.keras_compat.summarizes_batches(keras.callbacks.TensorBoard("logs"))
        False
    """
    return callback.update_freq != "epoch" or callback._should_trace
