"""Training on several replicas: what `fit` needs under `tf.distribute` and Keras does not do.

Each replica sees its part of a global batch, and the gradient is that of the global batch: the
replicas' means are added in proportion to the examples in each part, which Keras does only where
all parts are equally large. Decisions that every worker has to take alike, such as the seed of the
data's order, are the chief's.

Keras 3.15 cannot `fit` under a `MultiWorkerMirroredStrategy` at all (keras-team/keras#20585, open):

1. `Trainer._maybe_symbolic_build` reduces a batch, a structure of PerReplica values, of which it
   needs the shapes alone; with one replica a worker the reduction fails with "Attempt to convert a
   value (PerReplica...) to a Tensor".
2. What a step returns is reduced over axis 0, and metrics are scalars without one: "Invalid
   reduction dimension 0 for input with 0 dimensions".

`DistributedModel` goes around both. It first asks Keras itself, with a model of no size: once Keras
passes, nothing here is used any more, and `tests/training/test_distribute.py` says so. This is the
one module that overrides an underscore method of Keras.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = [
    "DistributedModel",
    "faults",
    "from_all_workers",
    "is_chief",
    "shared",
]


class DistributedModel(keras.Model):
    """A Keras model whose `fit` and `evaluate` work under `tf.distribute`."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as `keras.Model.fit` does."""
        with _explained(self.distribute_strategy):
            return super().fit(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Score as `keras.Model.evaluate` does."""
        with _explained(self.distribute_strategy):
            return super().evaluate(*args, **kwargs)

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics as scalars; within a step as Keras can reduce them over workers."""
        result = super().get_metrics_result()
        strategy = self.distribute_strategy
        in_step = tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()
        if not in_step or "logs" not in faults(strategy):
            return result
        return {name: tf.reshape(value, (1,)) for name, value in result.items()}

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        strategy = self.distribute_strategy
        # Asked here, outside of any graph, and at the same moment in all workers.
        found = faults(strategy)
        if iterator is not None and "build" in found:
            batch = next(next(iter(iterator))[2])
            data_batch = tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], batch
            )
            iterator = None
        super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)


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
        A subset of {"build", "logs"}, the first and the second fault; empty once Keras is mended,
        and under every strategy of one process.

    Example:
        >>> kvae.training.distribute.faults(tf.distribute.get_strategy())
        frozenset()
    """
    if not _several_workers(strategy):
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
    try:
        attempt()
    except (TypeError, ValueError):  # both arise while Python builds the graph, before it runs
        return True
    return False


def shared(*parts: Any) -> tuple[Any, ...]:
    """Return a replica's share of the global batch, and its parts with at least one example.

    The mean over the global batch is the sum over the replicas of share * mean of the part, also
    where the parts are not equally large. The last batch may have fewer examples than there are
    replicas, and few networks and distributions compute anything from none: a replica that got
    none gets the first replica's first example, which its share of 0 takes out again.

    Args:
        *parts: tensors of shape (examples, ...) with the same number of examples, or None.

    Returns:
        (share, *parts); the share is a float32 scalar, 1 where there is one replica.

    Example:
        >>> share, x, weight = kvae.training.distribute.shared(tf.zeros((5, 2)), None)
        >>> share, x.shape, weight
        (1.0, TensorShape([5, 2]), None)
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return 1.0, *parts
    context = tf.distribute.get_replica_context()
    is_first = tf.equal(context.replica_id_in_sync_group, 0)
    held = [part for part in parts if part is not None]
    examples = tf.cast(tf.shape(held[0])[0], tf.float32)
    firsts = [_first_or_zeros(part) for part in held]
    rows = [tf.where(is_first, first, tf.zeros_like(first)) for first in firsts]
    total, *rows = context.all_reduce("SUM", [examples, *rows])  # in one message
    filled = iter(map(_at_least_one, held, rows))
    return examples / total, *(None if part is None else next(filled) for part in parts)


def _first_or_zeros(part: Any) -> Any:
    zeros = tf.zeros(tf.concat([[1], tf.shape(part)[1:]], axis=0), part.dtype)
    return tf.concat([part[:1], zeros], axis=0)[:1]


def _at_least_one(part: Any, row: Any) -> Any:
    filled = tf.concat([part, row], axis=0)[: tf.maximum(tf.shape(part)[0], 1)]
    return tf.ensure_shape(filled, (None, *part.shape[1:]))


def is_chief(strategy: Any) -> bool:
    """Return whether this process is the one that writes files.

    Example:
        >>> kvae.training.distribute.is_chief(tf.distribute.get_strategy())
        True
    """
    return bool(strategy.extended.should_checkpoint)


def from_all_workers(strategy: Any, *numbers: int) -> np.ndarray:
    """Return the integers that each replica's process has given, shape (replicas, numbers).

    All workers have to call it at the same moment. The first row is the chief's. In a single
    process there is one row.

    Example:
        >>> kvae.training.distribute.from_all_workers(tf.distribute.get_strategy(), 3, 4)
        array([[3, 4]])
    """
    if not _several_workers(strategy):
        return np.array([numbers])
    rows = strategy.experimental_distribute_values_from_function(
        lambda _: tf.constant([numbers], tf.int64)
    )
    return strategy.gather(rows, axis=0).numpy()


def _several_workers(strategy: Any) -> bool:
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    return len(strategy.cluster_resolver.cluster_spec().as_dict()) > 0


@contextlib.contextmanager
def _explained(strategy: Any) -> Iterator[None]:
    """Say what to do where TensorFlow says that a peer cannot be reached."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if not _several_workers(strategy):
            raise
        raise RuntimeError(
            f"Expected all workers of {strategy.cluster_resolver.cluster_spec().as_dict()} to stay "
            "until training ends. Received: at least one that cannot be reached any more. Start "
            "all of them again; with a kvae.callbacks.Checkpoint the run goes on from there. "
            f"TensorFlow says: {error.message}"
        ) from error
