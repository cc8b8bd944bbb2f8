"""How a model's steps are run: how many batches one call of a graph takes, and whether XLA does it.

Keras runs one batch a call unless told otherwise, which costs about two milliseconds of Python a
batch. Several batches a call save them, but a callback then sees only every so many batches. XLA
fuses the many small operations around a dense network's matrix products, but on a CPU it computes
convolutions slower than the kernels it replaces, and it compiles for a second or two first.
`TunedModel` weighs these when training starts and its length is known.
"""

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from kvae.training.compiled import compiles_loop, loop_of_steps
from kvae.training.distribute import DistributedModel
from kvae.training.non_finite_check import NonFiniteCheck
from kvae.training.resume import Resumable, RunCallbacks

__all__ = ["TunedModel", "batches_between", "batches_of", "steps_per_execution", "xla_pays"]

AUTO = "auto"
# At 64 batches a call Python's share of a batch is 0.03 ms; more would only make the bar stand.
MOST_STEPS = 64
# The progress bar of a known number of batches moves at least so often in an epoch.
MOVES = 10
STEPS_OF_UNKNOWN_LENGTH = 16
# XLA saves up to 2 ms a batch and compiles for about a second, once more for a short last batch.
LEAST_XLA_BATCHES = 500

BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


class TunedModel(DistributedModel):
    """A Keras model that chooses `steps_per_execution` and `jit_compile` where the user did not.

    What is given to `compile` is kept. The choice holds while `fit` or `evaluate` run: between
    them a batch is a call, without XLA on a CPU, so that `predict` and `train_on_batch` are as in
    Keras.
    """

    train_function: Any

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = AUTO,
        jit_compile: bool | str = AUTO,
        auto_scale_loss: bool = True,
    ) -> None:
        """Prepare training, as `keras.Model.compile` does; both settings of speed may be "auto".

        Args:
            optimizer: see `keras.Model.compile`.
            loss: see `keras.Model.compile`.
            loss_weights: see `keras.Model.compile`.
            metrics: see `keras.Model.compile`.
            weighted_metrics: see `keras.Model.compile`.
            run_eagerly: see `keras.Model.compile`.
            steps_per_execution: batches a call of the training graph. "auto": as many as leave the
                progress bar moving, and 1 where a callback looks at every batch.
            jit_compile: whether XLA compiles the step. "auto": on a CPU for training of some
                length without convolutions; on an accelerator wherever it can.
            auto_scale_loss: see `keras.Model.compile`.
        """
        self._chosen = _Settings(steps_per_execution, jit_compile)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if steps_per_execution == AUTO else steps_per_execution,
            jit_compile=False if jit_compile == AUTO and not _accelerators() else jit_compile,
            auto_scale_loss=auto_scale_loss,
        )

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`; a choice left to the model stays its own."""
        config = super().get_compile_config()
        if config:
            config["steps_per_execution"] = self._chosen.steps_per_execution
            config["jit_compile"] = self._chosen.jit_compile
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        if type(self).compile is not TunedModel.compile:
            return super().compile_from_config(config)  # a subclass's arguments are its own
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)
        return None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Train as `keras.Model.fit` does; `x` is a `tf.data.Dataset` or a `PyDataset`."""
        given = kwargs.get("steps_per_epoch"), kwargs.get("validation_steps")
        with self._tuned(x, epochs, callbacks, given):
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Score as `keras.Model.evaluate` does; `x` is a `tf.data.Dataset` or a `PyDataset`."""
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` validates, and has chosen
            return super().evaluate(x, y, **kwargs)
        with self._tuned(x, 1, kwargs.get("callbacks"), (kwargs.get("steps"),)):
            return super().evaluate(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> Any:
        """Predict as `keras.Model.predict` does, one batch a call even if `fit` calls it."""
        chosen = getattr(self, "_chosen", None)
        if chosen is None or chosen.steps_per_execution != AUTO:
            return super().predict(x, **kwargs)
        with chosen.applied(self, 1, self.jit_compile):
            return super().predict(x, **kwargs)

    def make_train_function(self, force: bool = False) -> Any:
        """Make what `fit` calls for each execution: under XLA one program of several steps."""
        made = self.train_function is None or force
        super().make_train_function(force)
        if made and compiles_loop(self) and not _accelerators():
            self.train_function = loop_of_steps(self, otherwise=self.train_function)
        return self.train_function

    def _tuned(self, x: Any, epochs: int, callbacks: Any, given: tuple[int | None, ...]) -> Any:
        """Return a context in which the model runs as is best for this training."""
        chosen = getattr(self, "_chosen", None)
        if chosen is None or self.run_eagerly or self.distribute_strategy.num_replicas_in_sync > 1:
            return contextlib.nullcontext()
        batches = given[0] or batches_of(x)
        steps, jit_compile = chosen.steps_per_execution, chosen.jit_compile
        if steps == AUTO:
            begun = callbacks.start.batch if isinstance(callbacks, RunCallbacks) else None
            steps = steps_per_execution(batches, _listed(callbacks), (*given, begun))
        if jit_compile != AUTO or _accelerators():
            jit_compile = self.jit_compile
        else:
            long = batches is None or epochs * batches >= LEAST_XLA_BATCHES
            jit_compile = chosen.compiled or (long and xla_pays(self))
            chosen.compiled = jit_compile
        return chosen.applied(self, steps, jit_compile)


class _Settings:
    """What the user gave to `compile`, and the traced functions of each setting in use."""

    def __init__(self, steps_per_execution: int | str, jit_compile: bool | str):
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.compiled = False  # whether XLA has compiled the step: then it is paid for
        self.functions: dict[tuple[int, bool], tuple[Any, Any, Any]] = {}

    @contextlib.contextmanager
    def applied(self, model: keras.Model, steps: int, jit_compile: bool) -> Iterator[None]:
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
    elif not any(_defines(callback, hook) for hook in BATCH_HOOKS):
        return None
    return None if every == "epoch" else every


def _defines(callback: Any, hook: str) -> bool:
    # `LambdaCallback` has its hooks on the instance, where they are plain functions.
    function = getattr(getattr(callback, hook), "__func__", None)
    return function is not getattr(keras.callbacks.Callback, hook)


def xla_pays(model: keras.Model) -> bool:
    """Return whether XLA makes the model's step faster on a CPU, and is known to compile it.

    It does for the dense layers of Keras and kvae. Convolutions lose, and so do Keras' layers that
    draw random numbers, by 2.4 times with one `Dropout` of 500 (`kvae.seeds` says why). What a
    layer from elsewhere does inside is not known. There `jit_compile=True` asks for it.
    """
    return all(
        type(layer).__module__.split(".")[0] in ("keras", "kvae")
        and "Conv" not in type(layer).__name__
        and not _draws_by_keras(layer)
        and layer.supports_jit
        for layer in _layers(model)
    )


def _draws_by_keras(layer: keras.layers.Layer) -> bool:
    """Return whether a layer draws by a seed in the form that XLA is slow with."""
    ours = type(layer).__module__.split(".")[0] == "kvae"
    return not ours and getattr(layer, "seed_generator", None) is not None


def batches_of(data: Any) -> int | None:
    """Return the batches of an epoch of a `tf.data.Dataset` or a `PyDataset`; None if unknown."""
    if isinstance(data, tf.data.Dataset):
        cardinality = int(data.cardinality())
        return cardinality if cardinality >= 0 else None  # negative: infinite or unknown
    return getattr(data, "num_batches", None)


def _layers(layer: Any) -> Iterator[Any]:
    """Yield the layers inside a layer, at any depth."""
    inside = [*getattr(layer, "layers", ()), getattr(layer, "layer", None)]  # a model, a wrapper
    for part in inside:
        if isinstance(part, keras.layers.Layer):
            yield part
            yield from _layers(part)


def _listed(callbacks: Any) -> list[Any]:
    """Return the callbacks of a list of any depth, a `CallbackList` or a single one."""
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return list(keras.tree.flatten(callbacks))


def _accelerators() -> bool:
    return any(device.device_type != "CPU" for device in tf.config.list_logical_devices())
