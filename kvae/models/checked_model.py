"""A Keras model that looks at its data before it trains on them, and saves whole or not at all."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import files
from kvae.training import feed
from kvae.training.execution import TunedModel
from kvae.training.feed import Expected
from kvae.training.resume import RunCallbacks

__all__ = ["CheckedModel"]


class CheckedModel(TunedModel):
    """`fit`, `evaluate` and `predict` of Keras, with the data checked at the door.

    A subclass says what it takes by `expected_inputs` and `expected_targets`; the target is the
    input itself where none is given. Arrays stay where they are, in memory or in a mapped file,
    and batches are gathered from them.
    """

    def expected_inputs(self) -> Expected:
        """What x has to be where y is given as well."""
        raise NotImplementedError

    def expected_targets(self) -> Expected:
        """What y has to be, and x where it stands alone."""
        raise NotImplementedError

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Train on arrays, a `tf.data.Dataset` or a `keras.utils.PyDataset`.

        Arguments are those of `keras.Model.fit`. `y` is the target, `x` itself by default (give
        both to train a denoising model); `validation_data` may be x alone; `sample_weight`
        weighs the whole loss of an example. A `kvae.callbacks.Checkpoint` among the callbacks
        decides where training begins. A `np.memmap` may be larger than the memory.

        Raises:
            ValueError: If data are empty, of the wrong shape, not finite, or outside the
                likelihood's support; if the model was compiled with a loss of its own.
        """
        if getattr(self, "loss", None) is not None:
            raise ValueError(
                f"{type(self).__name__} brings its own loss, the negative ELBO. Received: "
                f"compile(loss={self.loss!r}); compile it with an optimizer only."
            )
        if class_weight is not None:
            raise ValueError("class_weight has no meaning here: use sample_weight.")
        validation_batch_size = kwargs.pop("validation_batch_size", None) or batch_size
        order = None
        if _is_array(x):
            arrays = self._checked_arrays(x, y, sample_weight)
            if validation_split and validation_data is None:
                arrays, held_out = _split(arrays, validation_split)
                validation_data = feed.as_dataset(held_out, validation_batch_size)
            batches = kwargs.pop("steps_per_epoch", None)
            fed = feed.array_feed(arrays, batch_size, shuffle, batches)
            x, y, sample_weight, order = fed.dataset, None, None, fed.order
            batch_size, shuffle = None, False  # the dataset does both
        else:
            x = feed.checked(x, self.expected_inputs(), self.expected_targets())
            # Keras warns of shuffle=True, its own default, where it cannot shuffle.
            shuffle = shuffle and getattr(x, "num_batches", None) is not None
        if validation_data is not None:
            validation_data = self._dataset(validation_data, validation_batch_size)
        run = RunCallbacks(
            callbacks,
            model=self,
            data=x,
            run=feed.sizes(x, order, kwargs.get("steps_per_epoch")),
            order=order,
            initial_epoch=kwargs.pop("initial_epoch", 0),
            epochs=epochs,
            verbose=verbose,
        )
        with run, _explained_errors():
            history = super().fit(
                x,
                y,
                batch_size=batch_size,
                epochs=epochs,
                initial_epoch=run.start.epoch,
                callbacks=run,
                validation_split=0.0 if validation_data is not None else validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                sample_weight=sample_weight,
                **kwargs,
            )
        self.after_fit()
        return history

    def after_fit(self) -> None:
        """Look at how training ended; for subclasses."""

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return the loss and the metrics on data, as `keras.Model.evaluate` does.

        Raises:
            ValueError: As for `fit`.
        """
        if _is_array(x):
            x = self._dataset((x, y, sample_weight), batch_size)
            y, sample_weight, batch_size = None, None, None
        elif x is not None and not kwargs.get("_use_cached_eval_dataset"):  # `fit` checked those
            x = feed.checked(x, self.expected_inputs(), self.expected_targets())
        with _explained_errors():
            return super().evaluate(
                x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **kwargs
            )

    def predict(self, x: Any, batch_size: int | None = None, **kwargs: Any) -> np.ndarray:
        """Return the reconstructions, shape (examples, *event_shape).

        Raises:
            ValueError: As for `fit`.
        """
        if _is_array(x):
            x = self.expected_targets().check_array(x)
        else:
            x = feed.checked(x, self.expected_inputs(), self.expected_targets())
        with _explained_errors():
            return super().predict(x, batch_size=batch_size, **kwargs)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Take one step on one batch; arguments and errors as for `fit`."""
        x, y, sample_weight = self._checked_arrays(x, y, sample_weight)
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Score one batch; arguments and errors as for `evaluate`."""
        x, y, sample_weight = self._checked_arrays(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Save to `filepath` (.keras) as Keras does, except that a failure loses nothing."""
        if not overwrite:
            files.vacant(filepath, "filepath")
        with files.replacing(filepath) as temporary:
            super().save(temporary, overwrite=True, **kwargs)

    def _dataset(self, data: Any, batch_size: int | None) -> Any:
        """Return arrays, (x, y, sample_weight) or a dataset as a checked dataset."""
        if _is_array(data) or isinstance(data, tuple | list):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            return feed.as_dataset(self._checked_arrays(x, y, sample_weight), batch_size)
        return feed.checked(data, self.expected_inputs(), self.expected_targets())

    def _checked_arrays(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Return the three as arrays, or raise a ValueError that says what does not fit."""
        if y is None or y is x:
            x, y = self.expected_targets().check_array(x), None
        else:
            x, y = self.expected_inputs().check_array(x), self.expected_targets().check_array(y)
            _same_length("y", y, x)
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, dtype="float32")
            _same_length("sample_weight", sample_weight, x)
        return x, y, sample_weight


def _is_array(x: Any) -> bool:
    return isinstance(x, list | np.ndarray | tf.Tensor) or (
        hasattr(x, "__array__") and not isinstance(x, tf.data.Dataset)
    )


def _same_length(name: str, value: np.ndarray, x: np.ndarray) -> None:
    if len(value) != len(x):
        raise ValueError(
            f"Expected {name} to have one entry for each of the {len(x)} examples of x. "
            f"Received: shape {value.shape}"
        )


def _split(arrays: tuple[Any, ...], share: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Split off the last `share` of the examples, as Keras' validation_split does."""
    examples = len(arrays[0])
    cut = int(np.floor(examples * (1.0 - share)))
    if not 0 < cut < examples:
        raise ValueError(
            f"Expected validation_split to leave examples on both sides of {examples}. "
            f"Received: validation_split={share!r}"
        )
    head = tuple(None if a is None else a[:cut] for a in arrays)
    tail = tuple(None if a is None else a[cut:] for a in arrays)
    return head, tail


@contextlib.contextmanager
def _explained_errors() -> Iterator[None]:
    """Turn a failed check inside a data pipeline into the ValueError that it stands for."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        clear = feed.explained(error)
        if clear is None:
            raise
        raise clear from None
