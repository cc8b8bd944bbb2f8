"""Missing values of a model with `missing=True`: what its encoder sees.

The likelihood leaves out what is not observed (`kvae.layers.Likelihood`); the encoder is shown a
fill and the mask.
"""

from typing import Any

import tensorflow as tf

from kvae.layers import DistributionLayer
from kvae.layers.observed import not_missing
from kvae.models.part_network import first_taken

__all__ = ["check_can_be_missing", "masked_features", "masked_shape"]


def check_can_be_missing(likelihood: DistributionLayer) -> None:
    """Raise unless elements of the event can be left out of a built likelihood."""
    if not likelihood.event_shape:
        raise ValueError(
            "Expected a likelihood with events of at least one axis with missing=True, along which "
            f"the mask is concatenated. Received: {type(likelihood).__name__}(())"
        )
    if not likelihood.has_independent_elements(tf.zeros((1, *likelihood.params_shape))):
        raise ValueError(
            "Expected a likelihood of independent elements with missing=True, so that missing ones "
            f"can be left out. Received: {type(likelihood).__name__} '{likelihood.name}', whose "
            "elements depend on each other"
        )


def masked_shape(model: Any, features_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the shape of what the encoder of a model with missing values reads, or raise.

    Args:
        model: a model with `missing=True`, whose encoder is perhaps not built.
        features_shape: (batch, ...) of what the encoder reads without missing values.
    """
    encoder, event_shape = model.encoder, model.likelihood_layer.event_shape
    *leading, channels = tuple(features_shape)[1:]
    if tuple(leading) != tuple(event_shape)[:-1] or channels is None:
        raise ValueError(
            "Expected features with the axes of an example but for the last, along which the mask "
            f"is concatenated with missing=True: (batch, {', '.join(map(str, event_shape[:-1]))}"
            f"{', ' if event_shape[:-1] else ''}channels). Received: features of output shape "
            f"{tuple(features_shape)}"
        )
    shape = (None, *leading, channels + event_shape[-1])
    taken = first_taken(encoder)
    if taken is not None and taken[1:] != shape[1:]:
        raise ValueError(
            f"Expected encoder to take {shape} with missing=True: along the last axis what it "
            f"reads without missing values ({channels}), and the mask ({event_shape[-1]}). "
            f"Received: an encoder with input shape {taken}"
        )
    return shape


def masked_features(model: Any, x: Any, observed: Any, training: bool) -> Any:
    """Return what the encoder of a `VAE` with `missing=True` reads: features and mask.

    Without a layer `features` a missing element is zero after the transform. A layer `features`
    reads it as a valid value.

    Args:
        model: the `VAE`.
        x: data, (batch, *event_shape), NaN where not observed.
        observed: mask of the shape of `x`, or None.
        training: whether the model trains.
    """
    x, layer = tf.convert_to_tensor(x), model.likelihood_layer
    known = not_missing(x, observed)
    # Filled before anything is computed of it, so that no NaN enters a gradient.
    filled = tf.where(known, x, tf.cast(layer.neutral_value(), x.dtype))
    if model.features is not None:
        seen = model.features(filled, training=training)
    else:
        seen = layer.features(filled)
        seen = tf.where(known, seen, tf.zeros_like(seen))
    return tf.concat([seen, tf.cast(known, seen.dtype)], axis=-1)
