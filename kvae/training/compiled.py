"""Several training steps as one program of XLA.

Keras compiles one step and calls it in a loop that is not compiled, so that between two steps every
weight goes in and out of XLA's memory. Here the loop is inside the program: the batches are drawn
and stacked first, then the program runs over them.
"""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["compiles_loop", "loop_of_steps"]


def compiles_loop(model: Any) -> bool:
    """Return whether the model's steps can run in one program.

    They can where the model declares that its steps report what its metrics hold, and XLA compiles
    them for one replica.
    """
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    declared = model.steps_report_metrics
    return bool(declared and alone and model.jit_compile and model.steps_per_execution > 1)


def loop_of_steps(
    model: keras.Model, otherwise: Callable[[Any], dict[str, Any]]
) -> Callable[[Any], dict[str, Any]]:
    """Return a function that draws the batches of an execution and trains on them.

    It is what Keras keeps as `model.train_function`. XLA compiles it once for each shape of a
    batch; how many batches are left at the end of an epoch does not matter.

    Args:
        model: a compiled model of which `compiles_loop` is true.
        otherwise: Keras' own function, for what is not a `tf.data` iterator.
    """
    most = model.steps_per_execution

    def train(stacked: Any, count: Any) -> dict[str, Any]:
        def body(index: Any) -> Any:
            model.train_step(_mapped(lambda part: part[index], stacked))
            return index + 1

        tf.while_loop(lambda index: index < count, body, [tf.constant(0)])
        return model.get_metrics_result()

    def train_and_note(stacked: Any, count: Any) -> tuple[dict[str, Any], Any]:
        with model.guard.only_notes():
            logs = train(stacked, count)
        return logs, model.guard.failed(_trained(model))

    guarded, noting = _Compiled(train), _Compiled(train_and_note)

    def run(stacked: Any, count: Any) -> dict[str, Any]:
        # A choice between the old and the new state in each step costs a sixth of a dense network's
        # time. The steps are therefore taken without it, and once more with it where one failed.
        steps = noting.traced(stacked, count)  # first: it makes the variables of the metrics
        before = _values(_state(model)) if model.guard.is_active else None
        logs, failed = steps(stacked, count)
        if before is None or not failed:
            return logs
        for variable, value in before:
            variable.assign(value)
        model.guard.forget()
        return guarded.traced(stacked, count)(stacked, count)

    def function(iterator: Any) -> dict[str, Any]:
        if not isinstance(iterator, tf.data.Iterator):
            return otherwise(iterator)
        for stacked, count in _executions(iterator, most):
            logs = run(stacked, count)
            if model.guard.found():
                break
        return logs

    return function


class _Compiled:
    """A function compiled by XLA, traced once for each shape of a batch."""

    def __init__(self, function: Callable[..., Any]):
        self._function = tf.function(function, jit_compile=True, autograph=False)
        self._traced: dict[Any, Any] = {}

    def traced(self, stacked: Any, count: Any) -> Callable[[Any, Any], Any]:
        """Return the concrete function for arguments of this form."""
        key = tuple(
            None if part is None else (*part.shape, part.dtype) for part in tf.nest.flatten(stacked)
        )
        if key not in self._traced:
            # TensorFlow counts the traces by calls over all models, and warns of them.
            self._traced[key] = self._function.get_concrete_function(stacked, count)
        return self._traced[key]


def _trained(model: Any) -> list[Any]:
    """Return the variables that the optimizers change."""
    groups = model.update_groups().values()
    return [v for optimizer, own in groups for v in (*own, *optimizer.variables)]


def _state(model: Any) -> list[Any]:
    """Return all variables that a training step changes."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    return list({id(v): v for v in (*model.variables, *_trained(model), *metrics)}.values())


def _values(variables: list[Any]) -> list[tuple[Any, Any]]:
    return [(variable, tf.convert_to_tensor(variable.value)) for variable in variables]


def _executions(iterator: Any, steps: int) -> list[tuple[Any, Any]]:
    """Draw up to `steps` batches; return them stacked, shape by shape, each with their number.

    The batches themselves are gone when this returns, so that they take no memory in the training.
    """
    drawn = list(itertools.islice(iterator, steps))
    if not drawn:
        raise StopIteration
    executions = []
    for _, group in itertools.groupby(drawn, key=_shapes):
        batches = list(group)
        # The last batch fills up what is missing; the program does not come to it.
        filled = batches + batches[-1:] * (steps - len(batches))
        executions.append((_mapped(_stacked, *filled), tf.constant(len(batches))))
    return executions


def _shapes(batch: Any) -> list[Any]:
    parts = tf.nest.flatten(batch)
    return [None if part is None else (part.dtype, *part.shape) for part in parts]


def _stacked(*parts: Any) -> Any:
    return tf.stack(parts)


def _mapped(function: Callable[..., Any], *structures: Any) -> Any:
    """Map over the tensors of structures; where there is none, there is none after it."""
    return tf.nest.map_structure(
        lambda *parts: None if parts[0] is None else function(*parts), *structures
    )
