"""Resume a run of `fit` in the middle of an epoch.

Keras begins an epoch at its first batch. A run that is resumed in the middle of an epoch skips the
batches before: they are drawn from the data, but no step is taken and no callback is called.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kvae.training.counted_callbacks import BatchCount, CountedCallbacks, last_batch, listed
from kvae.training.distribution import agreed_seed
from kvae.training.inputs.order import Order
from kvae.training.inputs.parts import PartsDataset
from kvae.training.inputs.streams import no_batch
from kvae.training.non_finite_check import NonFiniteCheck

__all__ = ["Ending", "Position", "Resumable", "RunCallbacks", "batch_spec"]


@dataclass(frozen=True)
class Position:
    """Where a run begins: `batch` batches into epoch `epoch`, its data in the order of `seed`."""

    epoch: int
    batch: int
    seed: int


class Ending(keras.callbacks.Callback):
    """A callback that is told of the end of a run, also of one that an error or Ctrl-C ends."""

    def end(self) -> None:
        """Release what the run took, and undo what was not to last."""


class Resumable(Ending):
    """A callback that knows where the run was interrupted; `fit` resumes it there.

    It is called after all other callbacks, so that it sees their effects.

    Attributes:
        every: after how many batches it acts, or "epoch".
        data: what Keras is given to train on.
    """

    every: int | str = "epoch"
    data: Any = None

    def begin(self, run: dict[str, Any], start: Position) -> Position:
        """Return where to begin, before anything else happens; `model` is set already.

        Args:
            run: what has to be the same to resume a run: the sizes of the data and the batches.
            start: where a new run begins.
        """
        raise NotImplementedError(f"{type(self).__name__} must define begin")

    def after_batch(self, batch: int) -> None:
        """Do what is due after the batch of that number in the epoch."""

    def after_failure(self) -> None:
        """Note that the loss is not finite any more: the training ends here."""

    def end(self) -> None:
        """Release what `begin` took, also after an error."""


class RunCallbacks(CountedCallbacks):
    """All callbacks of a run, which begins where a `Resumable` among them says.

    It is a context: what the callbacks hold is released at its end, also after an error.

    Args:
        callbacks: what the user gave to `fit`.
        model: the model in training.
        data: what Keras is given to train on.
        run: as `Resumable.begin` takes it; "batches" is the number of batches an epoch or None.
        scored: number of batches of the validation; None where it is not known.
        order: the order of arrays; None where the user's own pipeline has one.
        initial_epoch: where a new run begins.
        **params: as `keras.callbacks.CallbackList` takes them, `epochs` and `verbose`.

    Raises:
        ValueError: If more than one callback says where to begin; if workers were given data of
            other sizes.
    """

    def __init__(
        self,
        callbacks: Any,
        model: keras.Model,
        data: Any,
        run: dict[str, Any],
        scored: int | None = None,
        order: Order | None = None,
        initial_epoch: int = 0,
        **params: Any,
    ):
        given = listed(callbacks)
        self.resumables = _at_most_one(given, Resumable)
        self._ending = [each for each in given if isinstance(each, Ending)]
        self.check = next(iter(_at_most_one(given, NonFiniteCheck)), None) or NonFiniteCheck()
        last = [self.check, *self.resumables]
        others = [each for each in given if each not in last]
        if not any(isinstance(each, keras.callbacks.History) for each in others):
            others.append(keras.callbacks.History())
        self.data, self.order = data, order
        seed = 0 if order is None else agreed_seed(model.distribute_strategy, order)
        self.start = Position(initial_epoch, 0, seed)
        self._left = 0  # batches to skip
        self._taken = BatchCount()
        self._batch: int | None = None  # of the epoch, the last one as Keras counts
        self.steps = 0  # of the model, as `on_train_end` finds them
        self._once = isinstance(data, Iterator)  # a generator
        self._train: Any = None
        try:
            for resumable in self.resumables:
                resumable.set_model(model)
                resumable.data = data
                self.start = resumable.begin(run, self.start)
            if order is not None:
                order.seed = self.start.seed
            self._left = self.start.batch
            super().__init__(
                [*others, *last],
                scored,
                add_history=True,
                add_progbar=params["verbose"] != 0,
                model=model,
                steps=run["batches"],
                **params,
            )
        except BaseException:  # of a callback that refuses the model, for example
            self._release()
            raise

    def __enter__(self) -> "RunCallbacks":
        return self

    def __exit__(self, *error: Any) -> None:
        self.check.end()
        self._release()

    def _release(self) -> None:
        """Release what the callbacks hold, such as the folder of a checkpoint."""
        for each in self._ending:
            each.end()

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the run can be resumed where it was interrupted."""
        executed = self.model.steps_per_execution
        if self._left % executed and self._left != self.params["steps"]:
            raise ValueError(
                "Expected steps_per_execution to divide the batch at which the run was "
                f"interrupted, {self._left}. Received: steps_per_execution={executed}. Compile the "
                "model as it was compiled before."
            )
        if self.resumables:
            _build_metrics(self.model, self.data)
        super().on_train_begin(logs)
        self.check.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell the order its epoch."""
        self._batch = None
        if self.order is not None:
            self.order.seek(epoch, skip=self._left)
        if self.params["steps"] is None or self._once:
            self._taken.begin(self.model, self.model.batch_counter, skipped=self._left)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks, or install the function that skips batches."""
        if not self._left:
            super().on_train_batch_begin(batch, logs)
        elif self._train is None:
            self._train, self.model.train_function = self.model.train_function, self._skip

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks, unless the batch was skipped."""
        self._batch = batch
        steps = self.params["steps"]
        if steps is None and not self._left:
            steps = self._taken.so_far(self.model.batch_counter)
        batch = last_batch(batch, steps)
        if self._left:
            if batch + 1 >= self._left:
                self._left = 0
                self._end_skipping()
            return
        found = self.check.found(logs)
        if found is not None:
            # The metrics are those before the step; show the loss to TerminateOnNaN and others.
            shown = {found.term, "loss"} & {*logs, "loss"}
            logs = {**logs, **dict.fromkeys(shown, found.value)}
        super().on_train_batch_end(batch, logs)
        for resumable in self.resumables:
            if found is None:
                resumable.after_batch(batch)
            else:
                resumable.after_failure()
        if found is not None:
            self.check.act(found)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Call the callbacks; end the training where a generator has no batch left.

        Keras warns that it interrupts the training, and goes on: with epochs whose loss is 0, or
        with the batches that it looked at to learn their shapes.
        """
        if self._batch is None and epoch == self.start.epoch:
            raise no_batch(self.data)
        ended, steps = self._batch is None, self.params["steps"]
        if self._batch is not None:
            super().on_epoch_end(epoch, logs)
        if self._batch is not None and self._once and steps is not None:
            taken = self._taken.so_far(self.model.batch_counter)
            if taken is None and self.model.steps_per_execution == 1:
                taken = self._batch + 1
            ended = taken is not None and taken < steps
        if ended:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Note the steps of the model before a callback gives it the weights of another epoch."""
        self.steps = int(self.model.step())
        super().on_train_end(logs)

    def _skip(self, iterator: Any) -> dict[str, Any]:
        """Draw the batches of one execution without training on them."""
        try:
            for _ in range(self.model.steps_per_execution):
                next(iterator, None)
        except BaseException:
            self._end_skipping()
            raise
        # Keras reads the logs where no batch of the epoch is left to train.
        last = self.params["steps"] in (None, self._left)
        return self.model.get_metrics_result() if last else {}

    def _end_skipping(self) -> None:
        """Give the model its own function back."""
        self.model.train_function, self._train = self._train, None


def _at_most_one(callbacks: list[Any], kind: type) -> list[Any]:
    """Return the callbacks of a kind of which one is enough."""
    found = [each for each in callbacks if isinstance(each, kind)]
    if len(found) > 1:
        raise ValueError(
            f"Expected callbacks to hold at most one {type(found[0]).__name__}. Received: "
            f"{len(found)} of them"
        )
    return found


def _build_metrics(model: keras.Model, data: Any) -> None:
    """Make the variables of the metrics given to `compile`, which Keras makes in the first step.

    Scoring is traced and not run, so that nothing but these variables comes of it.
    """
    if all(getattr(metric, "built", True) for metric in model.metrics):
        return
    spec = batch_spec(data)
    if spec is not None:
        tf.function(model.test_step, autograph=False).get_concrete_function(spec)


def batch_spec(data: Any) -> Any:
    """Return the structure of a replica's batch as `tf.TensorSpec`s; None if it is not known."""
    if isinstance(data, PartsDataset):
        return data.element_spec[0]
    if isinstance(data, tf.data.Dataset):
        return data.element_spec
    if isinstance(data, keras.utils.PyDataset):
        return tf.nest.map_structure(_array_spec, data[0])
    return None


def _array_spec(array: Any) -> tf.TensorSpec:
    array = tf.convert_to_tensor(array)
    return tf.TensorSpec((None, *array.shape[1:]), array.dtype)
