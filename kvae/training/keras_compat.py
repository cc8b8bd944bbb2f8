"""Workarounds for Keras: the one module that touches its private interface.

Keras 3.15 cannot `fit` under a `MultiWorkerMirroredStrategy` (keras-team/keras#20585, open):

1. `Trainer._maybe_symbolic_build` reduces a batch, a structure of PerReplica values, of which it
   needs the shapes alone; with one replica a worker the reduction fails with "Attempt to convert a
   value (PerReplica...) to a Tensor".
2. What a step returns is reduced over axis 0, and metrics are scalars without one: "Invalid
   reduction dimension 0 for input with 0 dimensions".

`faults` asks the installed Keras with a model of no size. Once Keras passes, nothing here is used
any more, and `tests/training/test_distribution.py` fails, to say that this module can go.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kvae.training.distribution import several_workers

__all__ = ["faults", "metrics_result", "symbolic_build"]


def metrics_result(model: keras.Model, result: dict[str, Any]) -> dict[str, Any]:
    """Return metrics as scalars; within a step in the shape that Keras reduces over workers.

    Args:
        model: the model in training.
        result: what Keras' own `get_metrics_result` returned.
    """
    in_step = tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()
    if not in_step or "logs" not in faults(model.distribute_strategy):
        return result
    return {name: tf.reshape(value, (1,)) for name, value in result.items()}


def symbolic_build(
    model: keras.Model, build: Callable[..., None], iterator: Any, data_batch: Any
) -> None:
    """Call Keras' `_maybe_symbolic_build` with a batch of one replica where it needs that.

    Args:
        model: the model in training.
        build: Keras' own method.
        iterator: as Keras passes it.
        data_batch: as Keras passes it.
    """
    strategy = model.distribute_strategy
    # Asked here, outside of any graph, and at the same moment in all workers.
    found = faults(strategy)
    if iterator is not None and "build" in found:
        batch = next(next(iter(iterator))[2])
        data_batch = tf.nest.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], batch
        )
        iterator = None
    build(iterator=iterator, data_batch=data_batch)


class _Probe(keras.Model):
    """The smallest model that has what the two faults need: a batch, and a scalar log."""

    def call(self, x: Any) -> Any:
        return x

    def train_step(self, data: Any) -> dict[str, Any]:
        return {"loss": tf.constant(1.0)}


@functools.lru_cache(maxsize=8)
def faults(strategy: Any) -> frozenset[str]:
    """Return which of the two faults the installed Keras shows under `strategy`.

    All workers have to call it at the same moment; the answer is kept.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Returns:
        A subset of {"build", "logs"}, the first and the second fault; empty once Keras is fixed,
        and under every strategy of one process.

    Example:
        >>> kvae.training.keras_compat.faults(tf.distribute.get_strategy())
        frozenset()
    """
    if not several_workers(strategy):
        return frozenset()
    batch = strategy.experimental_distribute_values_from_function(lambda _: tf.zeros((1, 1)))
    with strategy.scope():
        probe = _Probe()
        probe.compile(optimizer="sgd", jit_compile=False)
    probe.make_train_function()
    step: Any = probe.train_function
    attempts: dict[str, Callable[[], Any]] = {
        "build": lambda: probe._maybe_symbolic_build(iterator=[(0, 0, iter([(batch,)]))]),
        "logs": lambda: step(iter([(batch,)])),
    }
    return frozenset(name for name, attempt in attempts.items() if _fails(attempt))


def _fails(attempt: Callable[[], Any]) -> bool:
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # the failure is expected; TensorFlow logs it as an error
    try:
        attempt()
    except (TypeError, ValueError):  # both arise while Python builds the graph, before it runs
        return True
    finally:
        logger.setLevel(level)
    return False
