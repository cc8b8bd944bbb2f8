"""Paths between two latent vectors: one definition for exploration and export."""

from typing import Any

import tensorflow as tf

__all__ = ["linear", "spherical"]

EPSILON = 1e-7  # keeps the length of a zero vector finite
SHORTEST = 1e-6
PARALLEL = 1e-4  # radians: the limit of the spherical path is the line


def linear(z_a: Any, z_b: Any, t: Any) -> Any:
    """Return (1 - t) a + t b, shape (..., d).

    Args:
        z_a: start, shape (..., d).
        z_b: end, shape (..., d).
        t: share of the way in [0, 1], broadcasts with them.
    """
    return (1.0 - t) * z_a + t * z_b


def spherical(z_a: Any, z_b: Any, t: Any) -> Any:
    """Return (sin((1 - t) w) a + sin(t w) b) / sin w, shape (..., d), with w the angle of a and b.

    It keeps to the shell in which a standard normal of many dimensions has its mass. Vectors in one
    or in opposite directions are joined by the line. The angle is Kahan's
    w = 2 atan2(|u - v|, |u + v|) of the unit vectors u and v, exact at both ends and without an arc
    cosine, which TFLite does not have.

    Args:
        z_a: start, shape (..., d), also for the next two.
        z_b: see `linear`.
        t: see `linear`.

    References:
        Shoemake: Animating Rotation with Quaternion Curves, SIGGRAPH 1985;
        White: Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
    """
    length_a, length_b = _length(z_a), _length(z_b)
    unit_a, unit_b = z_a / length_a, z_b / length_b
    angle = 2.0 * tf.atan2(_length(unit_a - unit_b), _length(unit_a + unit_b))
    sine = tf.sin(angle)
    # A vector of zeros has no direction.
    near = tf.logical_or(sine < PARALLEL, tf.minimum(length_a, length_b) < SHORTEST)
    divisor = tf.where(near, tf.ones_like(sine), sine)
    share_a = tf.where(near, 1.0 - t, tf.sin((1.0 - t) * angle) / divisor)
    share_b = tf.where(near, t, tf.sin(t * angle) / divisor)
    return share_a * z_a + share_b * z_b


def _length(vector: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(tf.square(vector), axis=-1, keepdims=True) + EPSILON**2)
