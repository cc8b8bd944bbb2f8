"""A run of `fit` or `evaluate`: data, callbacks, execution and distribution around Keras' own."""

from collections.abc import Callable, Collection
from typing import Any

from kvae import checks
from kvae.contract.failures import explained
from kvae.training.adapt import check_adapted
from kvae.training.counted_callbacks import CountedCallbacks
from kvae.training.distribution import explained_peers
from kvae.training.inputs import TrainingData
from kvae.training.inputs.epoch import batches_of
from kvae.training.inputs.streams import check_ends
from kvae.training.keras_compat import averages_by_group
from kvae.training.resume import RunCallbacks

__all__ = ["check_no_class_weight", "evaluate", "fit"]


def fit(
    model: Any,
    keras_fit: Callable[..., Any],
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
) -> Any:
    """Train and return the `keras.callbacks.History`.

    `keras_fit` is `fit` of `keras.Model`; all other arguments are those of `LatentModel.fit`, with
    the same errors.
    """
    check_no_class_weight(class_weight)
    epochs = checks.positive_int("epochs", epochs)
    checks.optional_positive_int("validation_steps", validation_steps)
    initial_epoch = checks.non_negative_int("initial_epoch", initial_epoch)
    if not isinstance(validation_freq, Collection):  # of epochs
        checks.positive_int("validation_freq", validation_freq)
    data = TrainingData.of(
        model.named_inputs(training=True),
        x,
        y,
        sample_weight,
        held_out_inputs=model.named_inputs(),
        batch_size=batch_size,
        shuffle=shuffle,
        steps_per_epoch=steps_per_epoch,
        validation_data=validation_data,
        validation_split=validation_split,
        validation_batch_size=validation_batch_size,
        strategy=model.distribute_strategy if model.takes_parts else None,
    )
    left = range(initial_epoch + 1, epochs + 1)
    check_ends(data.x, data.steps_per_epoch, "x", "steps_per_epoch", len(left))
    often = sum(
        epoch in validation_freq
        if isinstance(validation_freq, Collection)
        else epoch % validation_freq == 0
        for epoch in left
    )
    check_ends(data.validation, validation_steps, "validation_data", "validation_steps", often)
    check_adapted(model)
    run = RunCallbacks(
        callbacks,
        model=model,
        data=data.x,
        run=data.sizes,
        scored=_batches(validation_steps, data.validation),
        order=data.order,
        initial_epoch=initial_epoch,
        epochs=epochs,
        verbose=verbose,
    )
    given = data.steps_per_epoch, validation_steps
    with run, explained(), explained_peers(model.distribute_strategy):
        tuned = model.execution.tuned(model, data.x, epochs, run, given)
        with tuned, averages_by_group(model):
            history = keras_fit(
                data.x,
                epochs=epochs,
                initial_epoch=run.start.epoch,
                verbose=verbose,
                callbacks=run,
                validation_data=data.validation,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
                shuffle=data.shuffle,
                steps_per_epoch=data.steps_per_epoch,
            )
    model.after_fit(run.steps)
    return history


def evaluate(
    model: Any,
    keras_evaluate: Callable[..., Any],
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    steps: int | None,
    callbacks: Any,
    verbose: Any,
    **kwargs: Any,
) -> Any:
    """Score data and return the loss and the metrics.

    `keras_evaluate` is `evaluate` of `keras.Model`; all other arguments are those of
    `LatentModel.evaluate`, with the same errors.
    """
    if kwargs.get("_use_cached_eval_dataset"):  # `fit` validates: it has checked and chosen
        return keras_evaluate(x, y, steps=steps, callbacks=callbacks, verbose=verbose, **kwargs)
    checks.optional_positive_int("steps", steps)
    check_adapted(model)
    strategy = model.distribute_strategy
    source = model.named_inputs().source(
        x, y, sample_weight, batch_size, strategy=strategy if model.takes_parts else None
    )
    check_ends(source, steps, "x", "steps")
    tuned = model.execution.tuned(model, source, 1, callbacks, (steps,))
    run = CountedCallbacks(
        callbacks,
        scored=_batches(steps, source),
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=1,
        steps=steps or batches_of(source),
        model=model,
    )
    with explained(), explained_peers(strategy), tuned:
        return keras_evaluate(source, steps=steps, callbacks=run, verbose=verbose, **kwargs)


def check_no_class_weight(class_weight: Any) -> None:
    """Raise where weights of classes are given: the data have no labels."""
    if class_weight is not None:
        raise ValueError("class_weight has no meaning here: use sample_weight.")


def _batches(steps: int | None, data: Any) -> int | None:
    """Return how many batches are scored; None where that is not known."""
    known = [count for count in (steps, batches_of(data)) if count is not None]
    return min(known, default=None)
