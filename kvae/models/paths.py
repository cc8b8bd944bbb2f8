"""Paths between two latent vectors: one definition for exploration and export."""

import math
from typing import Any

import tensorflow as tf

__all__ = ["linear", "spherical"]

EPSILON = 1e-7  # keeps the length of a zero vector finite
SHORTEST = 1e-6
PARALLEL = 1e-4  # radians: the limit of the spherical path is the line
# Radians short of a half turn from which on rounding decides on which side the path goes round: it
# is enlarged by 1 / sin w, 20 times here.
OPPOSITE = 0.05


def linear(z_a: Any, z_b: Any, t: Any) -> Any:
    """Return (1 - t) a + t b, shape (..., d).

    Args:
        z_a: start, shape (..., d).
        z_b: end, shape (..., d).
        t: share of the way in [0, 1], broadcasts with them.
    """
    return (1.0 - t) * z_a + t * z_b


def spherical(z_a: Any, z_b: Any, t: Any) -> Any:
    """Return a path that turns from a to b while its length goes from |a| to |b|, shape (..., d).

        z(t) = ((1 - t) |a| + t |b|) (sin((1 - t) w) u + sin(t w) v) / sin w,

    with u and v the unit vectors of a and b and w their angle. It keeps to the shell in which a
    standard normal of many dimensions has its mass, and for |a| = |b| it is the well-known
    (sin((1 - t) w) a + sin(t w) b) / sin w, which leaves that shell by far where vectors of unequal
    length are nearly opposite. Vectors in one direction, or within 0.05 of opposite ones, have the
    line between them. The angle is Kahan's w = 2 atan2(|u - v|, |u + v|), exact at both ends and
    without an arc cosine, which TFLite does not have.

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
    one_direction = tf.logical_or(angle < PARALLEL, angle > math.pi - OPPOSITE)
    # A vector of zeros has no direction.
    near = tf.logical_or(one_direction, tf.minimum(length_a, length_b) < SHORTEST)
    turn = linear(length_a, length_b, t) / tf.where(near, tf.ones_like(sine), sine)
    turned = turn * (tf.sin((1.0 - t) * angle) * unit_a + tf.sin(t * angle) * unit_b)
    return tf.where(near, linear(z_a, z_b, t), turned)


def _length(vector: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(tf.square(vector), axis=-1, keepdims=True) + EPSILON**2)
