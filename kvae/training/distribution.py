"""Several replicas: what a step and a run need under `tf.distribute`.

Each replica sees its part of a global batch, and the gradient is that of the global batch: the
replicas' means are added in proportion to the examples in each part, which Keras does only where
all parts are equally large. Decisions that every worker has to take alike, such as the seed of the
data's order, are the chief's.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = [
    "agreed_seed",
    "explained_peers",
    "from_all_workers",
    "in_step",
    "is_chief",
    "local_replicas",
    "several_workers",
    "shared",
    "summed",
    "summed_and_clipped",
]


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
        >>> share, x, weight = kvae.training.distribution.shared(tf.zeros((5, 2)), None)
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
    # In one message, which must not mix integers (on the host) and floats (on the devices). Such a
    # row counts for nothing: it only has to be a valid example, so that float32 is enough.
    rows = [tf.cast(row, tf.float32) for row in rows]
    total, *rows = context.all_reduce("SUM", [examples, *rows])
    filled = iter(map(_at_least_one, held, rows))
    return examples / total, *(None if part is None else next(filled) for part in parts)


def _first_or_zeros(part: Any) -> Any:
    zeros = tf.zeros(tf.concat([[1], tf.shape(part)[1:]], axis=0), part.dtype)
    return tf.concat([part[:1], zeros], axis=0)[:1]


def _at_least_one(part: Any, row: Any) -> Any:
    filled = tf.concat([part, tf.cast(row, part.dtype)], axis=0)[: tf.maximum(tf.shape(part)[0], 1)]
    return tf.ensure_shape(filled, (None, *part.shape[1:]))


def summed_and_clipped(optimizer: Any, gradients: list[Any]) -> list[Any]:
    """Return gradients that Keras sums over the replicas to the clipped gradient of the batch.

    Keras clips the gradient of each replica and then sums, although the loss of a replica carries
    its share of the global batch only. Where the optimizer clips, the gradients are summed here,
    clipped once, and divided by the number of replicas: below the bounds, so that Keras' own
    clipping changes nothing more.

    Args:
        optimizer: a Keras optimizer.
        gradients: gradients of this replica's share of the loss, or None.

    Raises:
        ValueError: If the optimizer cannot update under several replicas.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    bounds = (inner.clipnorm, inner.global_clipnorm, inner.clipvalue)
    if replicas > 1 and inner.gradient_accumulation_steps:
        raise ValueError(
            "Expected an optimizer without gradient_accumulation_steps under several replicas: "
            "Keras updates the weights in a branch of each replica, in which the replicas cannot "
            "exchange gradients. Take a larger batch_size. Received: "
            f"{type(inner).__name__} with gradient_accumulation_steps="
            f"{inner.gradient_accumulation_steps}"
        )
    if replicas == 1 or not any(bounds):
        return gradients
    if inner is not optimizer:
        raise ValueError(
            "Expected an optimizer without clipping under several replicas and a loss scale: the "
            "gradients are clipped before they are unscaled. Received: "
            f"{type(inner).__name__} with clipping in a {type(optimizer).__name__}"
        )
    held = [gradient for gradient in gradients if gradient is not None]
    held = tf.distribute.get_replica_context().all_reduce("SUM", held)
    if inner.clipnorm:
        held = [tf.clip_by_norm(gradient, inner.clipnorm) for gradient in held]
    elif inner.global_clipnorm:
        held, _ = tf.clip_by_global_norm(held, inner.global_clipnorm)
    else:
        held = [tf.clip_by_value(gradient, -inner.clipvalue, inner.clipvalue) for gradient in held]
    shares = iter([gradient / replicas for gradient in held])
    return [None if gradient is None else next(shares) for gradient in gradients]


def summed(metrics: Iterable[Any], strategy: Any) -> list[tuple[Any, Any]]:
    """Return the variables of Keras metrics, each with its value over all replicas.

    Each replica counts its own examples. Keras exchanges each variable in a message of its own when
    it is read; here all of them are in one. All workers have to call it at the same moment.

    Args:
        metrics: `keras.Metric`s, which are built.
        strategy: the `tf.distribute.Strategy` of the metrics.
    """
    variables = [variable for metric in metrics for variable in metric.variables]

    def exchange() -> list[Any]:
        context = tf.distribute.get_replica_context()
        parts = [
            variable.value / (1 if variable.aggregation == "sum" else context.num_replicas_in_sync)
            for variable in variables
        ]
        return context.all_reduce("SUM", parts)

    values = strategy.run(exchange)
    first = [strategy.experimental_local_results(value)[0] for value in values]
    return list(zip(variables, first, strict=True))


def is_chief(strategy: Any) -> bool:
    """Return whether this process is the one that writes files.

    Example:
        >>> kvae.training.distribution.is_chief(tf.distribute.get_strategy())
        True
    """
    return bool(strategy.extended.should_checkpoint)


def from_all_workers(strategy: Any, *numbers: int) -> np.ndarray:
    """Return the integers that each replica's process has given, shape (replicas, numbers).

    All workers have to call it at the same moment. The first row is the chief's. In a single
    process there is one row.

    Example:
        >>> kvae.training.distribution.from_all_workers(tf.distribute.get_strategy(), 3, 4)
        array([[3, 4]])
    """
    if not several_workers(strategy):
        return np.array([numbers])
    rows = strategy.experimental_distribute_values_from_function(
        lambda _: tf.constant([numbers], tf.int64)
    )
    return strategy.gather(rows, axis=0).numpy()


def agreed_seed(strategy: Any, order: Any) -> int:
    """Return the seed of an `Order`; among several workers the chief's.

    All workers have to call it at the same moment.

    Raises:
        ValueError: If workers have another number of examples or another batch size.
    """
    rows = from_all_workers(strategy, order.seed, order.examples, order.batch_size)
    if (rows[:, 1:] != rows[0, 1:]).any():
        raise ValueError(
            "Expected every worker to be given all examples, of which it takes its part, and the "
            "same batch_size, that of the global batch. Received: (examples, batch_size) of "
            f"{[tuple(map(int, row[1:])) for row in rows]}"
        )
    return int(rows[0, 0])


def local_replicas(strategy: Any) -> list[int]:
    """Return the numbers of the replicas of this process.

    Example:
        >>> kvae.training.distribution.local_replicas(tf.distribute.get_strategy())
        [0]
    """
    numbers = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(context.replica_id_in_sync_group)
    )
    return [int(number) for number in strategy.experimental_local_results(numbers)]


def in_step() -> bool:
    """Return whether the caller is called in each replica of a `tf.distribute.Strategy`."""
    return tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()


def several_workers(strategy: Any) -> bool:
    """Return whether a strategy spans several processes."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    return len(strategy.cluster_resolver.cluster_spec().as_dict()) > 0


@contextlib.contextmanager
def explained_peers(strategy: Any) -> Iterator[None]:
    """Raise an error that says what to do where TensorFlow cannot reach a worker."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if not several_workers(strategy):
            raise
        raise RuntimeError(
            f"Expected all workers of {strategy.cluster_resolver.cluster_spec().as_dict()} to stay "
            "until training ends. Received: at least one that cannot be reached any more. Start "
            "all of them again; with a kvae.callbacks.Checkpoint the run resumes from there. "
            f"TensorFlow says: {error.message}"
        ) from error
