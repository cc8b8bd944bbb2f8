"""How the parameters of a distribution layer lie in a tensor: which axes, which blocks."""

from typing import Any

import tensorflow as tf
from keras import ops

__all__ = ["blocks", "flat_batch", "trailing_axes"]


def trailing_axes(layer: Any, shape: Any) -> int:
    """Return how many trailing axes of `shape` hold the parameters of one example.

    Args:
        layer: a `DistributionLayer`.
        shape: shape of a tensor of parameters.

    Raises:
        ValueError: If it ends neither in `params_shape` nor in `params_size`.
    """
    shape, expected = tuple(shape), layer.params_shape
    if len(shape) >= len(expected) and shape[len(shape) - len(expected) :] == expected:
        return len(expected)
    if shape and shape[-1] == layer.params_size:
        return 1
    raise ValueError(
        f"Expected the parameters of {type(layer).__name__} '{layer.name}' to have shape "
        f"(batch, {', '.join(map(str, expected))})"
        + (f" or (batch, {layer.params_size})" if len(expected) > 1 else "")
        + f". Received: a tensor of shape {shape}. Let the network before it end in "
        "params_shape (or params_size) units."
    )


def blocks(layer: Any, params: Any, count: int) -> list[Any]:
    """Split `params` into `count` tensors of shape (batch..., *event_shape)."""
    axes = trailing_axes(layer, params.shape)
    parts = tf.split(params, count, axis=-1) if count > 1 else [params]
    shape: Any = ops.shape(params)
    batch = shape[: len(shape) - axes]
    if (axes == 1 and len(layer.event_shape) == 1) or (axes > 1):
        return parts
    return [tf.reshape(part, (*batch, *layer.event_shape)) for part in parts]


def flat_batch(layer: Any, params: Any, mask: Any = None) -> tuple[Any, Any, Any]:
    """Return the batch axes of `params`, and `params` and the mask with one batch axis.

    The steps of a sequence count as examples. The shape is None where there is one axis. Of a mask
    that reaches into the event, such as that of the steps of a sequence, an example counts if any
    of its elements does. A mask of the first batch axes holds for the others.

    Args:
        layer: a `DistributionLayer`.
        params: tensor of shape (batch..., *params_shape).
        mask: Keras mask, booleans whose axes are those of the batch, fewer of them, or some of the
            event too; or None.
    """
    params = tf.convert_to_tensor(params)
    batch_axes = params.shape.rank - trailing_axes(layer, params.shape)
    shape = None if batch_axes == 1 else tf.shape(params)[:batch_axes]
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = tf.reduce_any(mask, axis=list(range(batch_axes, mask.shape.rank)))
        if mask.shape.rank < batch_axes:
            mask = mask[(..., *[tf.newaxis] * (batch_axes - mask.shape.rank))]
            mask = tf.broadcast_to(mask, shape)
        mask = tf.reshape(mask, [-1])
    flat = params if shape is None else tf.reshape(params, (-1, *params.shape[batch_axes:]))
    return shape, flat, mask
