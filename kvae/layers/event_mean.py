"""Means over an event that half precision can hold.

A GPU that computes in float16 adds the values of a mean before it divides, and no number above
65,504 fits: the nats of a picture of 128x128x3 do not. Here no more than LONGEST numbers are added
at once.
"""

import math
from typing import Any

import tensorflow as tf

__all__ = ["LONGEST", "event_mean"]

# 256 numbers of up to 255 each stay below 65,504.
LONGEST = 256


def event_mean(values: Any, axes: int) -> Any:
    """Return the mean over the last `axes` axes, taken axis by axis.

    Args:
        values: shape (batch..., *event_shape) with a static event shape.
        axes: int, the number of axes of the event.

    Returns:
        A tensor of shape (batch...).

    Example:
        >>> from kvae.layers.event_mean import event_mean
        >>> event_mean(tf.ones((2, 128, 128, 3), tf.float16), 3).numpy()
        array([1., 1.], dtype=float16)
    """
    for _ in range(axes):
        values = _mean_of_last_axis(values)
    return values


def _mean_of_last_axis(values: Any) -> Any:
    """Return the mean over the last axis, of equal parts first where it is long."""
    size = values.shape[-1]
    if size <= LONGEST:
        return tf.reduce_mean(values, axis=-1)
    parts = math.ceil(size / LONGEST)
    length = math.ceil(size / parts)
    before = [[0, 0]] * (values.shape.rank - 1)
    filled = tf.pad(values, [*before, [0, parts * length - size]])  # by zeros
    shape = tf.concat([tf.shape(values)[:-1], [parts, length]], axis=0)
    means = tf.reduce_mean(tf.reshape(filled, shape), axis=-1)
    means = tf.ensure_shape(means, [*values.shape[:-1], parts])
    return _mean_of_last_axis(means) * (parts * length / size)
