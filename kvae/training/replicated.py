"""Executions of `fit` and `evaluate` under several replicas.

Keras reduces every log of every step in collectives of its own, and its graph of several steps
fails under `tf.distribute` (a collective in a function inside of a loop gets no key: "You must feed
a value for placeholder tensor"). Here the steps of an execution are one graph in which the replicas
exchange what the step itself asks for, and the logs are exchanged once, after the last step.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from kvae.training.inputs.parts import are_parts

__all__ = ["executions"]


def executions(
    model: keras.Model, step: Callable[[Any], dict[str, Any]]
) -> Callable[[Any], dict[str, Any]]:
    """Return what Keras keeps as `model.train_function` or `model.test_function`.

    XLA compiles none of it: it does not compile a graph that updates variables of several devices.

    Args:
        model: a compiled model whose strategy has several replicas.
        step: `model.train_step` or `model.test_step`.

    Returns:
        A function of an iterator of batches that takes up to `steps_per_execution` of them, and
        returns the logs.
    """
    strategy, steps = model.distribute_strategy, model.steps_per_execution
    declared = model.steps_report_metrics

    def averaged(batch: Any) -> dict[str, Any]:
        return _averaged(step(batch))

    def take(batch: Any) -> Any:
        return strategy.run(step if declared else averaged, args=(_per_replica(batch, strategy),))

    def take_one(batch: Any) -> dict[str, Any]:
        outputs = take(batch)
        if declared:
            return model.get_metrics_result()
        local = strategy.experimental_local_results
        return {name: local(value)[0] for name, value in outputs.items()}

    def take_next(iterator: Any) -> dict[str, Any]:
        return take_one(iterator.get_next())

    def take_several(iterator: Any) -> tuple[Any, dict[str, Any]]:
        return _steps(iterator, steps, take), model.get_metrics_result()

    one, following, several = take_one, take_next, take_several
    if not model.run_eagerly:
        one, following, several = map(_traced, (one, following, several))

    def function(iterator: Any) -> dict[str, Any]:
        if not isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
            logs = [one(batch) for _, batch in zip(range(steps), iterator, strict=False)]
        elif declared and steps > 1:
            count, last = several(iterator)
            logs = [last] if count else []
        else:
            logs = list(_until_the_end(following, iterator, steps))
        if not logs:
            raise StopIteration
        return logs[-1]

    return function


def _traced(function: Callable[..., Any]) -> Any:
    return tf.function(function, reduce_retracing=True, autograph=False)


def _steps(iterator: Any, steps: int, take: Callable[[Any], Any]) -> Any:
    """Call `take` with up to `steps` batches of an iterator; return how many there were."""

    def body(count: Any, batch: Any) -> tuple[Any, Any]:
        take(batch.get_value())
        # The batch after the last one is left to the next execution.
        following = tf.cond(count + 1 < steps, iterator.get_next_as_optional, lambda: batch)
        return count + 1, following

    def more(count: Any, batch: Any) -> Any:
        return tf.logical_and(count < steps, batch.has_value())

    count, _ = tf.while_loop(more, body, [tf.constant(0), iterator.get_next_as_optional()])
    return count


def _until_the_end(
    following: Callable[[Any], dict[str, Any]], iterator: Any, steps: int
) -> Iterator[dict[str, Any]]:
    for _ in range(steps):
        try:
            yield following(iterator)
        except tf.errors.OutOfRangeError:
            return


def _per_replica(batch: Any, strategy: Any) -> Any:
    """Return a batch as `tf.distribute.Strategy.run` takes it."""
    if not are_parts(batch):
        return batch
    return strategy.experimental_distribute_values_from_function(
        lambda context: batch[context.replica_id_in_sync_group % len(batch)]
    )


def _averaged(logs: dict[str, Any]) -> dict[str, Any]:
    """Return the means over the replicas of the logs of a step, in one message."""
    if not logs:
        return logs
    values = [tf.reduce_mean(tf.cast(value, tf.float32)) for value in logs.values()]
    means = tf.distribute.get_replica_context().all_reduce("MEAN", values)
    return dict(zip(logs, means, strict=True))
