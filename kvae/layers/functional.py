"""What a layer with a regularizer needs in a functional model, where no `LatentModel` trains it."""

from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Batch

__all__ = ["OnePass", "add_training_step", "batch_of"]


def batch_of(params: Any, mask: Any, step: Any, training: bool | None) -> Batch:
    """Return what is known of a batch inside the call of a layer.

    Args:
        params: the posterior's parameters, with one batch axis.
        mask: booleans (batch,), True where an example counts, or None.
        step: number of training steps so far.
        training: whether the model is training.
    """
    return Batch(
        inputs={"params": params},
        weight=None if mask is None else _mask_weight(mask),
        step=step,
        training=bool(training),
    )


class OnePass:
    """The training step of a layer that a model calls several times in one pass, as a shared one.

    Keras empties the `losses` of all layers when a model is called from outside. As long as the
    loss that the layer added last is among them, the pass is still the same.
    """

    def __init__(self) -> None:
        self._loss: Any = None
        self._step: Any = None

    def goes_on(self, layer: Any) -> bool:
        """Return whether the model has called the layer in this pass before."""
        return self._loss is not None and any(loss is self._loss for loss in layer.losses)

    def step(self, layer: Any, training: bool | None) -> Any:
        """Return the number of training steps before this pass; in training count one at first.

        Args:
            layer: the layer that is called, with the weight `training_step` if it counts steps.
            training: whether the model is training.
        """
        counter = getattr(layer, "training_step", None)
        if counter is None:
            return 0
        if not training:
            return tf.identity(counter.value)
        if not self.goes_on(layer):
            self._step = tf.identity(counter.value)
            counter.assign_add(1)
        return self._step

    def added(self, loss: Any, training: bool | None) -> None:
        """Take note of the loss that the layer adds in training, where a pass counts a step."""
        if training:
            self._loss = loss


def add_training_step(layer: keras.layers.Layer) -> Any:
    """Add the weight that counts training steps to a layer and return it."""
    return layer.add_weight(
        shape=(),
        dtype="int64",
        trainable=False,
        # Every replica counts its own, which is the same. To agree on it in a step would let the
        # losses that Keras holds for a layer get from one replica into the next.
        aggregation="none",
        name="training_step",
    )


def _mask_weight(mask: Any) -> Any:
    """Return weights (batch,) whose plain batch mean averages over the unmasked examples."""
    mask = tf.cast(mask, tf.float32)
    return mask * tf.cast(tf.size(mask), tf.float32) / tf.maximum(tf.reduce_sum(mask), 1.0)
