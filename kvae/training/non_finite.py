"""Detect the first non-finite loss or gradient in the training graph; keep the state before it.

A loss that is NaN or infinite makes every weight NaN in the same step. The train step therefore
updates the weights only where all terms of the loss and the gradients are finite. From the first
step on where they are not, nothing changes any more, however many steps one execution takes; the
host reads the result once per execution. Where XLA compiles the steps of an execution as one
program they are taken first and checked at its end (`kvae.training.compiled`).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from kvae.seeds import one_replica
from kvae.sums import ordered_sum

__all__ = ["NonFinite", "NonFiniteGuard"]

GRADIENTS = "the gradients"
# Optimizers take squares: the state of Adam is infinite above.
LARGEST_ROOT = 1.8e19


@dataclasses.dataclass(frozen=True)
class NonFinite:
    """The first non-finite value of a training run.

    Args:
        step: number of the optimizer's step, from 1 on; with gradient accumulation, of the update.
        term: name of the loss term, or "the gradients".
        value: NaN, infinity or minus infinity.
        kept: whether the model still has the state before that step.
    """

    step: int
    term: str
    value: float
    kept: bool = True


class NonFiniteGuard:
    """Apply gradients only while the loss is finite; remember the first step where it was not.

    `read` precedes the first operation of the train step that changes a variable, `apply` follows
    the last one:

        before = guard.read([*model.non_trainable_variables, *metric_variables])
        ...  # loss, gradients, metrics
        guard.apply([(optimizer, gradients, variables)], {"nll": nll, "kl": kl}, before)

    It works in eager mode, in graphs, under XLA and in the replicas of a `tf.distribute.Strategy`,
    which all take the same decision. It is off until `start` is called, so that `train_on_batch`
    is that of Keras. Its variables are not part of the model and are not saved with it.

    Args:
        strategy: the `tf.distribute.Strategy` of the model.
    """

    def __init__(self, strategy: Any = None):
        self._terms: tuple[str, ...] = ()
        self._updates_always = False
        self._checks_gradients = True
        with (strategy or tf.distribute.get_strategy()).scope():
            # All replicas assign the same values.
            only = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
            self._active = tf.Variable(False, name="non_finite_active", **only)
            # Step, index of the term and value; step 0 for none. One variable, so that the host
            # reads one. float64 holds every step up to 2^53.
            self._first = tf.Variable(tf.zeros(3, tf.float64), name="non_finite_first", **only)

    # -- in the train step -------------------------------------------------------------------

    def read(self, variables: Iterable[Any]) -> list[tuple[Any, Any]]:
        """Return the variables that the step changes, each with its present value.

        Args:
            variables: those that no optimizer updates: moving averages, states of random
                generators, step counters, metrics. Those that the step does not change cost
                nothing.
        """
        return [(variable, tf.identity(variable.value)) for variable in variables]

    def values(self, terms: dict[str, Any], gradients: Iterable[Any] = ()) -> Any:
        """Return one number for each term and one for all gradients, non-finite where those are.

        Args:
            terms: the terms of the loss, scalars by name.
            gradients: tensors, or None where a variable has no gradient.

        Returns:
            float32 tensor of shape (terms + 1,). Its sum over the replicas is non-finite where that
            of one replica is, so that it can be reduced in one message with other numbers.
        """
        failed = [_nan_unless_finite(gradient) for gradient in gradients if gradient is not None]
        scalars = [tf.reshape(tf.cast(term, tf.float32), ()) for term in terms.values()]
        return tf.stack([*scalars, ordered_sum(failed) if failed else tf.constant(0.0)])

    @contextlib.contextmanager
    def only_notes(self, gradients: bool) -> Iterator[None]:
        """Within it `apply` applies every update and notes the first value that is not finite.

        For a program of XLA: who runs it calls `failed` after it, and where that is true puts the
        state back. After several steps it takes them once more with the guard.

        Args:
            gradients: whether each step checks the gradients, not the terms of the loss alone.
        """
        self._updates_always, self._checks_gradients = True, gradients
        try:
            yield
        finally:
            self._updates_always, self._checks_gradients = False, True

    def failed(self, variables: Iterable[Any]) -> Any:
        """Return whether a value was noted or a square of `variables` is not finite, a boolean.

        Args:
            variables: those that steps have changed which did not check their gradients.
        """
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        # One pass in TensorFlow's own kernels, which XLA does not have to compile.
        squares = [
            tf.nn.l2_loss(tf.cast(value, tf.float32)) for value in values if value.dtype.is_floating
        ]
        noted = self._first[0] > 0.0
        wrong = noted | ~tf.math.is_finite(ordered_sum(squares)) if squares else noted
        return self._active & wrong

    def forget(self) -> None:
        """Forget what was noted."""
        self._first.assign(tf.zeros(3, tf.float64))

    def apply(
        self,
        updates: Sequence[tuple[keras.optimizers.Optimizer, Sequence[Any], Sequence[Any]]],
        terms: dict[str, Any],
        before: Sequence[tuple[Any, Any]] = (),
        values: Any = None,
        with_xla: bool = False,
    ) -> None:
        """Apply the gradients, or put the state back to what it was before the step.

        Args:
            updates: (optimizer, gradients, variables) of each optimizer. All of them are applied,
                or none.
            terms: the terms of the loss, scalars by name. The first one that is not finite is
                reported; their sum comes last.
            before: what `read` returned.
            values: what `values` returned, summed over the replicas; computed here by default.
            with_xla: whether XLA compiles the step.
        """
        updates = [update for update in updates if len(update[2])]
        if not updates:
            return
        for optimizer, _, variables in updates:
            if not optimizer.built:
                optimizer.build(list(variables))  # a branch of a graph cannot make variables
        self._terms = (*terms, GRADIENTS)
        if values is None:
            gradients = _checked_gradients(updates) if self._checks_gradients else []
            values = _summed(self.values(terms, gradients))
        finite = tf.math.is_finite(values)
        stopped = self._first[0] > 0.0
        found = tf.logical_and(self._active, tf.logical_not(tf.reduce_all(finite)))
        index = tf.argmin(tf.cast(finite, tf.int32))  # of the first False
        # By `gather`: with `values[index]` XLA would take all that `values` depends on, weights
        # and data included, for constants, and compile anew in each step.
        value = tf.cast(tf.gather(values, index), tf.float64)
        step = tf.cast(updates[0][0].iterations, tf.float64) + 1.0
        first = tf.stack([step, tf.cast(index, tf.float64), value])
        new = tf.logical_and(found, tf.logical_not(stopped))
        self._first.assign(tf.where(new, first, self._first))

        def update(gradients: Any, _: Any) -> None:
            for (optimizer, _, variables), each in zip(updates, gradients, strict=True):
                optimizer.apply(list(each), list(variables))

        def restore(_: Any, old: Any) -> None:
            for (variable, _), value in zip(before, old, strict=True):
                variable.assign(value)

        gradients = [list(each) for _, each, _ in updates]
        if self._updates_always:
            update(gradients, ())
            return
        if with_xla and not _scaled(updates) and one_replica():
            _select(found | stopped, lambda: update(gradients, ()), updates, before)
            return
        _branch(found | stopped, restore, update, (gradients, [value for _, value in before]))

    # -- on the host -------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch; forget what was found before."""
        self.forget()
        self._active.assign(True)

    def stop(self) -> None:
        """Stop watching: every step is taken."""
        self.forget()
        self._active.assign(False)

    def found(self) -> NonFinite | None:
        """Return the first non-finite value since `start`; None if all were finite."""
        step, index, value = self._first.numpy().tolist()
        return NonFinite(int(step), self._terms[int(index)], value) if step else None


def _select(
    predicate: Any,
    update: Callable[[], None],
    updates: Sequence[Any],
    before: Sequence[tuple[Any, Any]],
) -> None:
    """Call `update`, and keep the old values of what it and the step changed if `predicate`.

    XLA fuses the choice with the optimizer's arithmetic; for a branch it would copy all weights.
    """
    changed = [v for optimizer, _, variables in updates for v in (*optimizer.variables, *variables)]
    old = [*before, *((variable, tf.identity(variable.value)) for variable in changed)]
    update()
    for variable, value in old:
        variable.assign(tf.where(predicate, value, variable.value))


def _scaled(updates: Sequence[Any]) -> bool:
    return any(isinstance(each, keras.optimizers.LossScaleOptimizer) for each, *_ in updates)


def _nan_unless_finite(gradient: Any) -> Any:
    """Return zero, or NaN where the square of an element is infinite or NaN."""
    values = tf.cast(getattr(gradient, "values", gradient), tf.float32)
    # Not a sum of squares: XLA adds floating-point numbers one by one, and compares in vectors.
    finite = tf.reduce_all(tf.abs(values) < LARGEST_ROOT)
    return tf.where(finite, 0.0, float("nan"))


def _checked_gradients(updates: Sequence[Any]) -> list[Any]:
    """Return the gradients that have to be finite."""
    # A loss scale is found by gradients that overflow; its optimizer skips those steps itself.
    return [
        gradient
        for optimizer, gradients, _ in updates
        if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        for gradient in gradients
    ]


def _summed(values: Any) -> Any:
    """Return the sum over the replicas."""
    if one_replica():
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def _branch(
    predicate: Any,
    if_true: Callable[..., None],
    if_false: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """Call one of two functions, which update variables, in all replicas."""

    def call(function: Callable[..., Any]) -> Any:
        function(*arguments)
        return tf.constant(0)  # both branches of a graph return the same

    context = tf.distribute.get_replica_context()
    if context is None or tf.__internal__.distribute.strategy_supports_no_merge_call():
        tf.cond(predicate, lambda: call(if_true), lambda: call(if_false))
        return

    # Optimizers wait for the other replicas, which is impossible in a branch of one replica. It is
    # possible in a branch around all replicas, as in keras.optimizers.LossScaleOptimizer.
    def around(strategy: Any, predicate: Any, arguments: Any) -> None:
        def everywhere(function: Callable[..., None]) -> Any:
            strategy.extended.call_for_each_replica(function, args=arguments)
            return tf.constant(0)

        one = strategy.experimental_local_results(predicate)[0]
        tf.cond(one, lambda: everywhere(if_true), lambda: everywhere(if_false))

    context.merge_call(around, args=(predicate, arguments))
