"""How a model's steps are run: how many batches one call of a graph takes, and whether XLA does it.

Keras runs one batch a call unless told otherwise, which costs about two milliseconds of Python a
batch. Several batches a call save them, but a callback then sees only every so many batches. XLA
fuses the many small operations around a dense network's matrix products, but on a CPU it computes
convolutions slower than the kernels it replaces, and it compiles for a second or two first.
`ExecutionPolicy` weighs these when training starts and its length is known.
"""

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.training.counted_callbacks import listed
from kvae.training.distribution import from_all_workers
from kvae.training.inputs.epoch import batches_of
from kvae.training.keras_compat import summarizes_batches
from kvae.training.non_finite_check import NonFiniteCheck
from kvae.training.resume import Resumable, RunCallbacks

__all__ = [
    "AUTO",
    "ExecutionPolicy",
    "accelerators",
    "batches_between",
    "steps_per_execution",
    "xla_pays",
]

AUTO = "auto"
# At 64 batches a call Python's share of a batch is 0.03 ms; larger values only make the progress
# bar update less often.
MOST_STEPS = 64
# The progress bar of a known number of batches moves at least so often in an epoch.
MOVES = 10
STEPS_OF_UNKNOWN_LENGTH = 16
# XLA saves up to 2 ms a batch and compiles for about a second, once more for a short last batch.
LEAST_XLA_BATCHES = 500

# Layers of Keras that XLA computes faster on a CPU and that draw no random numbers.
FAST_WITH_XLA = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.Multiply,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.Reshape,
    keras.layers.Subtract,
)

BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


class ExecutionPolicy:
    """What the user gave to `compile`, and what is chosen where that was "auto".

    A choice holds while `fit` or `evaluate` run. Outside them each call processes one batch,
    without XLA on a CPU, as in Keras. Functions traced under other settings are kept apart.

    Args:
        steps_per_execution: batches a call of the training graph. "auto": as many as leave the
            progress bar moving, and 1 where a callback looks at every batch.
        jit_compile: whether XLA compiles the step. "auto": on a CPU for training of some length
            without convolutions; on an accelerator wherever it can.

    Raises:
        ValueError: If `steps_per_execution` is neither "auto" nor a positive integer.
    """

    def __init__(self, steps_per_execution: int | str = AUTO, jit_compile: bool | str = AUTO):
        if steps_per_execution != AUTO:
            steps_per_execution = checks.positive_int("steps_per_execution", steps_per_execution)
        self.steps_per_execution: Any = steps_per_execution
        self.jit_compile = jit_compile
        self.compiled = False  # whether XLA has compiled the step: then it is paid for
        self.functions: dict[tuple[int, bool], tuple[Any, Any, Any]] = {}

    @property
    def keras_arguments(self) -> dict[str, Any]:
        """The settings outside `fit` and `evaluate`, as `keras.Model.compile` takes them."""
        steps, jit_compile = self.steps_per_execution, self.jit_compile
        return {
            "steps_per_execution": 1 if steps == AUTO else steps,
            "jit_compile": False if jit_compile == AUTO and not accelerators() else jit_compile,
        }

    def tuned(
        self, model: Any, x: Any, epochs: int, callbacks: Any, given: tuple[int | None, ...]
    ) -> Any:
        """Return a context in which the model runs as is best for this run.

        Args:
            model: the compiled model.
            x: what is handed to Keras' `fit` or `evaluate`.
            epochs: number of epochs.
            callbacks: those of the run.
            given: numbers of steps that the user asked for; None where not.
        """
        if model.run_eagerly:
            return contextlib.nullcontext()
        strategy = model.distribute_strategy
        batches = given[0] or batches_of(x)
        steps, jit_compile = self.steps_per_execution, self.jit_compile
        if steps == AUTO:
            begun = callbacks.start.batch if isinstance(callbacks, RunCallbacks) else None
            steps = steps_per_execution(batches, listed(callbacks), (*given, begun))
            # Callbacks may differ: the chief writes files. The numbers of steps have to agree.
            steps = int(np.gcd.reduce(from_all_workers(strategy, steps), axis=None))
        if jit_compile != AUTO or accelerators() or strategy.num_replicas_in_sync > 1:
            jit_compile = model.jit_compile
        else:
            long = batches is None or epochs * batches >= LEAST_XLA_BATCHES
            jit_compile = self.compiled or (long and xla_pays(model))
            self.compiled = jit_compile
        return self._applied(model, steps, jit_compile)

    def untuned(self, model: Any) -> Any:
        """Return a context in which the model runs one batch a call, for `predict`."""
        if self.steps_per_execution != AUTO:
            return contextlib.nullcontext()
        return self._applied(model, 1, model.jit_compile)

    @contextlib.contextmanager
    def _applied(self, model: keras.Model, steps: int, jit_compile: bool) -> Iterator[None]:
        """Run the body with these settings; functions traced under others are kept apart."""
        before = model.steps_per_execution, model.jit_compile
        self._switch(model, steps, jit_compile)
        try:
            yield
        finally:
            self._switch(model, *before)

    def _switch(self, model: keras.Model, steps: int, jit_compile: bool) -> None:
        now = model.steps_per_execution, model.jit_compile
        if now == (steps, jit_compile):
            return
        # A traced function has its settings built in, and Keras makes one only where there is none.
        self.functions[now] = model.train_function, model.test_function, model.predict_function
        functions = self.functions.get((steps, jit_compile), (None, None, None))
        model.train_function, model.test_function, model.predict_function = functions
        model.steps_per_execution = steps
        with warnings.catch_warnings():  # Keras says so where it keeps XLA off; nobody asked for it
            warnings.simplefilter("ignore")
            model.jit_compile = jit_compile


def steps_per_execution(
    batches: int | None, callbacks: Iterable[Any] = (), given: tuple[int | None, ...] = ()
) -> int:
    """Return how many batches one call of the training graph should take.

    Args:
        batches: batches of an epoch; None where the data do not tell.
        callbacks: those of the training. One that looks at batches is shown every one of them; one
            that acts after every so many is called then.
        given: numbers of steps that the user asked for; Keras rounds them up to whole calls, so
            that only a divisor trains as many.

    Example:
        >>> kvae.training.execution.steps_per_execution(469)
        46
        >>> kvae.training.execution.steps_per_execution(469, [keras.callbacks.TerminateOnNaN()])
        1
    """
    most = STEPS_OF_UNKNOWN_LENGTH
    if batches is not None:
        most = min(max(batches // MOVES, 1), MOST_STEPS)
    between = map(batches_between, callbacks)
    common = math.gcd(*(count for count in (*given, *between) if count))  # 0 of no numbers
    return max(size for size in range(1, most + 1) if common % size == 0)


def batches_between(callback: Any) -> int | None:
    """Return after how many batches a callback's hooks of batches do something; None for never."""
    if isinstance(
        callback, keras.callbacks.ProgbarLogger | keras.callbacks.History | NonFiniteCheck
    ):
        return None
    every: Any = 1
    if isinstance(callback, keras.callbacks.ModelCheckpoint | keras.callbacks.BackupAndRestore):
        every = callback.save_freq
    elif isinstance(callback, Resumable):
        every = callback.every
    elif isinstance(callback, keras.callbacks.TensorBoard):
        every = 1 if summarizes_batches(callback) else None
    elif not any(_defines(callback, hook) for hook in BATCH_HOOKS):
        return None
    return None if every == "epoch" else every


def _defines(callback: Any, hook: str) -> bool:
    # `LambdaCallback` has its hooks on the instance, where they are plain functions.
    function = getattr(getattr(callback, hook), "__func__", None)
    return function is not getattr(keras.callbacks.Callback, hook)


def xla_pays(model: Any) -> bool:
    """Return whether XLA makes the model's step faster on a CPU, with the same draws.

    It does for dense layers. Convolutions lose, and so do Keras' layers that draw random numbers,
    by 2.4 times with one `Dropout` of 500 (`kvae.seeds` says why). A layer from elsewhere declares
    it by an attribute `xla_pays = True`; `jit_compile=True` asks for it in any case.

    Where the draws would differ from those without XLA, the first epoch of a long training would
    differ from that of a short one: the model then declares `same_draws_with_xla` as false.
    """
    same_draws = getattr(model, "same_draws_with_xla", True)
    return same_draws and all(map(_declares_xla, _layers(model)))


def _declares_xla(layer: Any) -> bool:
    declared = getattr(layer, "xla_pays", None)
    if declared is not None:
        return bool(declared)
    # A sequential or functional model is what the layers inside it are.
    functional = isinstance(layer, keras.Model) and hasattr(layer, "operations")
    made_of_layers = functional or type(layer) is keras.Sequential
    idle = type(layer) is keras.layers.Dropout and not layer.rate
    return made_of_layers or idle or type(layer) in FAST_WITH_XLA


def _layers(layer: Any) -> Iterator[Any]:
    """Yield the layers inside a layer, at any depth."""
    inside = [*getattr(layer, "layers", ()), getattr(layer, "layer", None)]  # a model, a wrapper
    for part in inside:
        if isinstance(part, keras.layers.Layer):
            yield part
            yield from _layers(part)


def accelerators() -> bool:
    """Return whether TensorFlow computes on something else than CPUs."""
    return any(device.device_type != "CPU" for device in tf.config.list_logical_devices())
