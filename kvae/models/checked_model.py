"""A Keras model whose data are validated on input and whose saving is atomic."""

from typing import Any

import numpy as np

from kvae import checks, files
from kvae.contract import InputSpec
from kvae.contract.failures import explained
from kvae.training.course import Course
from kvae.training.execution import TunedModel
from kvae.training.inputs import Inputs, TrainingData
from kvae.training.inputs.inputs import is_arrays

__all__ = ["CheckedModel"]


class CheckedModel(TunedModel):
    """`fit`, `evaluate` and `predict` of Keras on validated data.

    A subclass says what it takes by `input_specs`. Arrays are not copied, in memory or mapped from
    a file: batches are gathered from them.
    """

    def input_specs(self) -> dict[str, InputSpec]:
        """Return the specification of each named input; x is its own target by default."""
        raise NotImplementedError

    def named_inputs(self) -> Inputs:
        """Return the checks of data that is passed for the inputs of the model."""
        return Inputs(self.input_specs())

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
        """Train on arrays, a `tf.data.Dataset`, a `PyDataset`, a generator or an iterable.

        Arguments are those of `keras.Model.fit`. `x` may be a dict of arrays by the names of
        `input_specs`. `y` is the target, `x` itself by default (give both to train a denoising
        model); `validation_data` may be x alone; `sample_weight` weighs the whole loss of an
        example. A `kvae.callbacks.Checkpoint` among the callbacks decides where training begins.
        A `np.memmap` may be larger than the memory.

        Raises:
            ValueError: If data are empty, of the wrong shape, not finite, or outside the
                likelihood's domain; if weights are not finite, negative or all zero; if the model
                was compiled with a loss of its own.
        """
        if class_weight is not None:
            raise ValueError("class_weight has no meaning here: use sample_weight.")
        epochs = checks.positive_int("epochs", epochs)
        checks.optional_positive_int("validation_steps", kwargs.get("validation_steps"))
        initial_epoch = checks.non_negative_int("initial_epoch", kwargs.pop("initial_epoch", 0))
        data = TrainingData.of(
            self.named_inputs(),
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            steps_per_epoch=kwargs.pop("steps_per_epoch", None),
            validation_data=validation_data,
            validation_split=validation_split,
            validation_batch_size=kwargs.pop("validation_batch_size", None),
        )
        course = Course(
            callbacks,
            model=self,
            data=data.x,
            run=data.sizes,
            order=data.order,
            initial_epoch=initial_epoch,
            epochs=epochs,
            verbose=verbose,
        )
        with explained():
            history = super().fit(
                data.x,
                epochs=epochs,
                initial_epoch=course.start.epoch,
                callbacks=course,
                validation_data=data.validation,
                shuffle=data.shuffle,
                steps_per_epoch=data.steps_per_epoch,
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
        checks.optional_positive_int("steps", kwargs.get("steps"))
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked those
            x = self.named_inputs().source(x, y, sample_weight, batch_size)
            y, sample_weight = None, None
        with explained():
            return super().evaluate(x, y, verbose=verbose, sample_weight=sample_weight, **kwargs)

    def predict(self, x: Any, batch_size: int | None = None, **kwargs: Any) -> np.ndarray:
        """Return the reconstructions, shape (examples, *event_shape).

        Raises:
            ValueError: As for `fit`.
        """
        checks.optional_positive_int("batch_size", batch_size)
        checks.optional_positive_int("steps", kwargs.get("steps"))
        inputs = self.named_inputs()
        x = inputs.check_x(x) if is_arrays(x) else inputs.source(x, target=False)
        with explained():
            return super().predict(x, batch_size=batch_size, **kwargs)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Take one step on one batch; arguments and errors as for `fit`."""
        batch = self.named_inputs().batch(x, y, sample_weight)
        return super().train_on_batch(*batch, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Score one batch; arguments and errors as for `evaluate`."""
        batch = self.named_inputs().batch(x, y, sample_weight)
        return super().test_on_batch(*batch, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Reconstruct one batch; errors as for `predict`."""
        return super().predict_on_batch(self.named_inputs().check_x(x))

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Save to `filepath` (.keras) as Keras does, but atomically."""
        if not overwrite:
            files.vacant(filepath, "filepath")
        with files.replacing(filepath) as temporary:
            super().save(temporary, overwrite=True, **kwargs)
