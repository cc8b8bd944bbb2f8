"""What a layer with a regularizer needs in a functional model, where no `LatentModel` trains it."""

from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Batch

__all__ = ["add_training_step", "batch_of"]


def batch_of(params: Any, mask: Any, step: Any, training: bool | None) -> Batch:
    """Return what is known of a batch inside the call of a layer.

    Args:
        params: the posterior's parameters, with one batch axis.
        mask: Keras mask of the batch axes, True where an example counts, or None.
        step: number of training steps so far.
        training: whether the model is training.
    """
    return Batch(
        inputs={"params": params},
        weight=None if mask is None else _mask_weight(mask),
        step=step,
        training=bool(training),
    )


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
    mask = tf.reshape(tf.cast(mask, tf.float32), [-1])
    return mask * tf.cast(tf.size(mask), tf.float32) / tf.maximum(tf.reduce_sum(mask), 1.0)
