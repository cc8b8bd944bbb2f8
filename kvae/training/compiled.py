"""The steps of an execution as one program of XLA, with a check of its results around it.

Keras compiles one step and calls it in a loop that is not compiled, so that between two steps every
weight goes in and out of XLA's memory. Here the loop is inside the program: the batches are drawn
and stacked first, then the program runs over them.

The program takes every step, and the old state is put back after it where a value is not finite. A
choice between the old and the new state in each step would be more code for XLA to compile, and
cost a sixth of a dense network's time. After several steps TensorFlow checks what they have
changed. A single step checks its gradients, which are fewer than all variables.
"""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["compiled_steps", "compiles_steps"]


def compiles_steps(model: Any) -> bool:
    """Return whether the steps of an execution can run in one program.

    They can where the model declares that its steps report what its metrics hold, and XLA compiles
    them for one replica.
    """
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    return bool(model.steps_report_metrics and alone and model.jit_compile)


def compiled_steps(
    model: keras.Model, otherwise: Callable[[Any], dict[str, Any]]
) -> Callable[[Any], dict[str, Any]]:
    """Return a function that draws the batches of an execution and trains on them.

    It is what Keras keeps as `model.train_function`. XLA compiles it once for each shape of a
    batch; how many batches are left at the end of an epoch does not matter.

    Args:
        model: a compiled model of which `compiles_steps` is true.
        otherwise: Keras' own function, for what is not a `tf.data` iterator.
    """
    most = model.steps_per_execution
    state: list[Any] = []

    def train(batches: Any, count: Any) -> None:
        def body(index: Any) -> Any:
            model.train_step(_mapped(lambda part: part[index], batches))
            return index + 1

        if most == 1:
            model.train_step(batches)
        else:
            tf.while_loop(lambda index: index < count, body, [tf.constant(0)])

    def train_and_note(batches: Any, count: Any) -> None:
        with model.guard.only_notes(gradients=most == 1):
            train(batches, count)

    guarded, noting = _Traced(train, with_xla=True), _Traced(train_and_note, with_xla=True)

    def train_and_check(batches: Any, count: Any) -> tuple[dict[str, Any], Any, list[Any]]:
        steps = noting.of(batches, count)  # first: it makes the variables of the metrics
        state[:] = _state(model)
        before = [tf.convert_to_tensor(variable.value) for variable in state]
        steps(batches, count)
        failed = model.guard.failed([] if most == 1 else _trained(model))
        return model.get_metrics_result(), failed, before

    checked = _Traced(train_and_check)

    def run(batches: Any, count: Any) -> dict[str, Any]:
        logs, failed, before = checked.of(batches, count)(batches, count)
        if not failed:
            return logs
        for variable, value in zip(state, before, strict=True):
            variable.assign(value)
        if most > 1:  # once more from the same state, with the guard in every step
            model.guard.forget()
            guarded.of(batches, count)(batches, count)
        return model.get_metrics_result()

    def function(iterator: Any) -> dict[str, Any]:
        if not isinstance(iterator, tf.data.Iterator):
            return otherwise(iterator)
        for batches, count in _executions(iterator, most):
            logs = run(batches, count)
            if model.guard.found():
                break
        return logs

    return function


class _Traced:
    """A function traced once for each shape of a batch, and compiled by XLA if asked for."""

    def __init__(self, function: Callable[..., Any], with_xla: bool = False):
        self._function = tf.function(function, jit_compile=with_xla or None, autograph=False)
        self._traced: dict[Any, Any] = {}

    def of(self, batches: Any, count: Any) -> Callable[[Any, Any], Any]:
        """Return the concrete function for arguments of this form."""
        key = tuple(
            None if part is None else (*part.shape, part.dtype) for part in tf.nest.flatten(batches)
        )
        if key not in self._traced:
            # TensorFlow counts the traces by calls over all models, and warns of them.
            self._traced[key] = self._function.get_concrete_function(batches, count)
        return self._traced[key]


def _trained(model: Any) -> list[Any]:
    """Return the variables that the optimizers change."""
    groups = model.update_groups().values()
    return [v for optimizer, own in groups for v in (*own, *optimizer.variables)]


def _state(model: Any) -> list[Any]:
    """Return all variables that a training step changes."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    return list({id(v): v for v in (*model.variables, *_trained(model), *metrics)}.values())


def _executions(iterator: Any, steps: int) -> list[tuple[Any, Any]]:
    """Draw up to `steps` batches; return them stacked, shape by shape, each with their number.

    Where `steps` is 1 the batch is not stacked. Otherwise the batches themselves are gone when this
    returns, so that they take no memory in the training.
    """
    drawn = list(itertools.islice(iterator, steps))
    if not drawn:
        raise StopIteration
    if steps == 1:
        return [(drawn[0], tf.constant(1))]
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
