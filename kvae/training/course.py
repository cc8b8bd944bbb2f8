"""The course of a run of `fit`: which epoch, which batch, and where it was broken off.

Keras begins an epoch at its first batch. A run that goes on in the middle of one passes the first
batches by: they are drawn from the data, but no step is taken and no callback hears of them.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kvae.training.distribution import from_all_workers
from kvae.training.inputs.order import Order

__all__ = ["Course", "Position", "Resumable"]


@dataclass(frozen=True)
class Position:
    """Where a run begins: `batch` batches into epoch `epoch`, its data in the order of `seed`."""

    epoch: int
    batch: int
    seed: int


class Resumable(keras.callbacks.Callback):
    """A callback that knows where a run was broken off; `fit` takes it up there.

    It is called after all others, so that it finds what they have done.

    Attributes:
        every: after how many batches it acts, or "epoch".
    """

    every: int | str = "epoch"

    def begin(self, run: dict[str, Any], start: Position) -> Position:
        """Return where to begin, before anything else happens; `model` is set already.

        Args:
            run: what has to be the same for a run to go on: the sizes of the data and the batches.
            start: where a run begins that was not broken off.
        """
        raise NotImplementedError(f"{type(self).__name__} must define begin")

    def after_batch(self, batch: int) -> None:
        """Do what is due after the batch of that number in the epoch."""


class Course(keras.callbacks.CallbackList):
    """All callbacks of a run, which begins where a `Resumable` among them says.

    Args:
        callbacks: what the user gave to `fit`.
        model: the model in training.
        data: what Keras is given to train on.
        run: as `Resumable.begin` takes it; "batches" is the number of batches an epoch or None.
        order: the order of arrays; None where the user's own pipeline has one.
        initial_epoch: where a run begins that was not broken off.
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
        order: Order | None = None,
        initial_epoch: int = 0,
        **params: Any,
    ):
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = callbacks.callbacks
        given = keras.tree.flatten(callbacks) if callbacks else []
        keepers = [each for each in given if isinstance(each, Resumable)]
        if len(keepers) > 1:
            raise ValueError(
                f"Expected callbacks to hold at most one {type(keepers[0]).__name__}. "
                f"Received: {len(keepers)} of them"
            )
        others = [each for each in given if not isinstance(each, Resumable)]
        if not any(isinstance(each, keras.callbacks.History) for each in others):
            others.append(keras.callbacks.History())
        self.keepers, self.data, self.order = keepers, data, order
        self.start = Position(initial_epoch, 0, _agreed_seed(model.distribute_strategy, order))
        if keepers:
            keepers[0].set_model(model)
            self.start = keepers[0].begin(run, self.start)
        if order is not None:
            order.seed = self.start.seed
        self._left = self.start.batch  # batches to pass by
        self._train: Any = None
        super().__init__(
            [*others, *keepers],
            add_history=True,
            add_progbar=params["verbose"] != 0,
            model=model,
            steps=run["batches"],
            **params,
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that the run can go on where it was broken off."""
        executed = self.model.steps_per_execution
        if self._left % executed and self._left != self.params["steps"]:
            raise ValueError(
                "Expected steps_per_execution to divide the batch at which the run was broken off, "
                f"{self._left}. Received: steps_per_execution={executed}. Compile the model as it "
                "was compiled before."
            )
        if self.keepers:
            _build_metrics(self.model, self.data)
        super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell the order its epoch."""
        if self.order is not None:
            self.order.seek(epoch, skip=self._left)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell the callbacks, or put passing by in the place of training."""
        if not self._left:
            super().on_train_batch_begin(batch, logs)
        elif self._train is None:
            self._train, self.model.train_function = self.model.train_function, self._pass_by

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell the callbacks, unless the batch was passed by."""
        if not self._left:
            super().on_train_batch_end(batch, logs)
            for keeper in self.keepers:
                keeper.after_batch(batch)
        elif batch + 1 >= self._left:
            self._left = 0
            self._go_on()

    def _pass_by(self, iterator: Any) -> dict[str, Any]:
        """Draw the batches of one execution and leave them."""
        try:
            for _ in range(self.model.steps_per_execution):
                next(iterator, None)
        except BaseException:
            self._go_on()
            raise
        # They are looked at where no batch of the epoch is left to train.
        last = self.params["steps"] in (None, self._left)
        return self.model.get_metrics_result() if last else {}

    def _go_on(self) -> None:
        """Give the model its own function back."""
        self.model.train_function, self._train = self._train, None


def _agreed_seed(strategy: Any, order: Order | None) -> int:
    """Return the seed of the order of the data; among several workers the chief's."""
    if order is None:
        return 0
    rows = from_all_workers(strategy, order.seed, order.examples, order.batch_size)
    if (rows[:, 1:] != rows[0, 1:]).any():
        raise ValueError(
            "Expected every worker to be given all examples, of which it takes its part, and the "
            "same batch_size, that of the global batch. Received: (examples, batch_size) of "
            f"{[tuple(map(int, row[1:])) for row in rows]}"
        )
    return int(rows[0, 0])


def _build_metrics(model: keras.Model, data: Any) -> None:
    """Make the variables of the metrics given to `compile`, which Keras makes in the first step.

    Scoring is traced and not run, so that nothing but these variables comes of it.
    """
    if all(getattr(metric, "built", True) for metric in model.metrics):
        return
    if isinstance(data, tf.data.Dataset):
        spec = data.element_spec
    elif isinstance(data, keras.utils.PyDataset):
        spec = tf.nest.map_structure(_batch_spec, data[0])
    else:
        return
    tf.function(model.test_step, autograph=False).get_concrete_function(spec)


def _batch_spec(array: Any) -> tf.TensorSpec:
    array = tf.convert_to_tensor(array)
    return tf.TensorSpec((None, *array.shape[1:]), array.dtype)
