"""What one run of `fit` trains and validates on, after all checks."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.training.inputs.arrays import ArrayFeed
from kvae.training.inputs.epoch import batches_of
from kvae.training.inputs.inputs import DEFAULT_BATCH_SIZE, Inputs, is_arrays
from kvae.training.inputs.order import Order

__all__ = ["TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Checked data for `keras.Model.fit`.

    Attributes:
        x: batches to train on, as `fit` takes them; y and the weights are part of them.
        validation: batches to validate on, or None.
        order: the order of the batches, where the data are arrays.
        shuffle: what to tell `fit`: whether Keras shuffles the batches of a PyDataset.
        steps_per_epoch: what to tell `fit`; None where the data say it themselves.
    """

    x: Any
    validation: Any
    order: Order | None
    shuffle: bool
    steps_per_epoch: int | None

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        held_out_inputs: Inputs | None = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_batch_size: int | None = None,
        strategy: Any = None,
    ) -> "TrainingData":
        """Check the arguments of `fit` of these names and return the data.

        Args:
            inputs: what the data have to be.
            x: arrays, a dict of arrays by name, or a stream of batches; see `Inputs.source`.
            y: targets of arrays; x itself by default.
            sample_weight: weights of the examples of arrays, shape (examples,).
            held_out_inputs: what the data to validate on have to be; `inputs` by default.
            batch_size: examples a batch of arrays; 32 by default.
            shuffle: whether arrays have another order in each epoch.
            steps_per_epoch: batches an epoch; as many as there are by default.
            validation_data: x, (x,), (x, y) or (x, y, sample_weight), or a stream.
            validation_split: share of arrays to hold out, the last examples.
            validation_batch_size: examples a batch of validation arrays; `batch_size` by default.
            strategy: the `tf.distribute.Strategy` of the model, see `Inputs.source`.

        Raises:
            ValueError: If an argument or a value in the data is not valid.
        """
        count = checks.optional_positive_int
        size = count("batch_size", batch_size) or DEFAULT_BATCH_SIZE
        held_out_size = count("validation_batch_size", validation_batch_size) or size
        steps_per_epoch = count("steps_per_epoch", steps_per_epoch)
        order, validation = None, None
        if is_arrays(x):
            arrays = inputs.batch(x, y, sample_weight)
            if validation_split and validation_data is None:
                arrays, held_out = _split(arrays, validation_split)
                validation = _feed(held_out, held_out_size, strategy).dataset
            feed = _feed(arrays, size, strategy, shuffle, steps_per_epoch)
            x, order, shuffle, steps_per_epoch = feed.dataset, feed.order, False, None
        else:
            if validation_split and validation_data is None:
                raise ValueError(
                    "Expected validation_data where x is a stream of batches, of which no examples "
                    f"can be held out. Received: validation_split={validation_split!r}"
                )
            x = inputs.source(x, y, sample_weight)
            # Keras warns of shuffle=True, its own default, where it cannot shuffle.
            shuffle = bool(shuffle) and getattr(x, "num_batches", None) is not None
        if validation_data is not None:
            x_held_out, y_held_out, weights = (*_parts(validation_data), None, None)[:3]
            validation = (held_out_inputs or inputs).source(
                x_held_out, y_held_out, weights, held_out_size, strategy=strategy
            )
        return cls(x, validation, order, shuffle, steps_per_epoch)

    @property
    def sizes(self) -> dict[str, Any]:
        """What tells one run from another: the sizes of its data and batches."""
        if self.order is not None:
            return {
                "batches": self.order.batches,
                "batch_size": self.order.batch_size,
                "examples": self.order.examples,
                "shuffle": self.order.shuffle,
            }
        return {"batches": self.steps_per_epoch or batches_of(self.x)}


def _feed(
    arrays: tuple[Any, ...],
    batch_size: int,
    strategy: Any,
    shuffle: bool = False,
    batches: int | None = None,
) -> ArrayFeed:
    # Keras' own generator of seeds, so that keras.utils.set_random_seed decides the order.
    seed = int(keras.random.randint((), 0, 2**31 - 1)) if shuffle else 0
    examples = len(tf.nest.flatten(arrays)[0])
    return ArrayFeed(arrays, Order(examples, batch_size, shuffle, seed, batches), strategy)


def _parts(data: Any) -> tuple[Any, ...]:
    """Return validation data as x, y and sample weights."""
    # A list of arrays, each with axes of its own, holds x, y and weights; another list is x.
    is_list = isinstance(data, list) and all(hasattr(part, "shape") for part in data)
    if not (isinstance(data, tuple) or (is_list and 1 <= len(data) <= 3)):
        return (data,)
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Expected validation_data to be x, (x,), (x, y) or (x, y, sample_weight). Received: "
            f"{len(data)} parts"
        )
    return tuple(data)


def _split(arrays: tuple[Any, ...], share: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Split off the last `share` of the examples, as Keras' validation_split does."""
    examples = len(tf.nest.flatten(arrays)[0])
    cut = int(np.floor(examples * (1.0 - share))) if 0.0 < share < 1.0 else 0
    if not 0 < cut < examples:
        raise ValueError(
            f"Expected validation_split to leave examples on both sides of {examples}. "
            f"Received: validation_split={share!r}"
        )
    pieces = (
        tf.nest.map_structure(lambda array: array[:cut], arrays),
        tf.nest.map_structure(lambda array: array[cut:], arrays),
    )
    return pieces
