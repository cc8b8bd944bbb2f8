"""Random numbers from random 32-bit words: one definition for training, sampling and export.

TensorFlow's own normals differ with and without XLA. Its integers do not, so a training run draws
the same noise in both.
"""

import contextvars
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = [
    "WORDS",
    "box_muller",
    "fold_in",
    "logical_shift_right",
    "rows_at",
    "standard_normal",
    "uniform",
    "uniform_of_normals",
    "uniform_of_words",
    "words",
]

MANTISSA_BITS = 24
# 2 pi in two parts: a float16 file rounds its constants, and these two lose only 1e-6 by that.
TWO_PI = (6.28125, 2.0 * math.pi - 6.28125)
# Function (shape, seed) that `words` calls in place of TensorFlow's generator, where one is set:
# `kvae.threefry.counted_noise` does so.
WORDS: contextvars.ContextVar[Callable[[Any, Any], Any] | None] = contextvars.ContextVar(
    "WORDS", default=None
)


def standard_normal(shape: Any, seed: Any) -> Any:
    """Return standard normals that are the same with and without XLA, up to float32 rounding.

    Args:
        shape: shape of the result, at least one axis; entries may be scalar tensors.
        seed: two integers.

    Returns:
        A float32 tensor of that shape.

    Example:
        >>> from kvae.noise import standard_normal
        >>> standard_normal((2, 3), seed=[0, 7]).shape
        TensorShape([2, 3])

    References:
        Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011 (philox),
        https://doi.org/10.1145/2063384.2063405
    """
    *batch, size = shape
    pairs = -(-size // 2)
    first, second = tf.unstack(words((2, *batch, pairs), seed))
    return box_muller(first, second)[..., :size]


def uniform(shape: Any, seed: Any) -> Any:
    """Return uniform numbers in (0, 1) that are the same with and without XLA.

    Args:
        shape: shape of the result; a tensor or a sequence.
        seed: two integers.

    Returns:
        A float32 tensor of that shape.

    Example:
        >>> from kvae.noise import uniform
        >>> uniform((2, 3), seed=[0, 7]).shape
        TensorShape([2, 3])
    """
    return uniform_of_words(words(shape, seed))


def fold_in(seed: Any, data: Any) -> Any:
    """Return another seed, two int32, which is the same with and without XLA.

    It has the numbers of `tf.random.fold_in`, whose key of a seed with a negative element is
    another one under XLA (TensorFlow 2.21; what it returns is negative half of the time).

    Args:
        seed: two int32.
        data: an integer scalar that tells the seeds made of one apart.

    Example:
        >>> from kvae.noise import fold_in
        >>> bool(tf.reduce_all(fold_in([5, -6], 1) == tf.random.fold_in([5, -6], 1)))
        True
    """
    return tf.stack([words((), seed), tf.cast(data, tf.int32)])


def box_muller(first: Any, second: Any) -> Any:
    """Return two standard normals for each pair of random 32-bit words, by Box and Muller.

    Args:
        first: int32 words, shape (..., n).
        second: int32 words of the same shape.

    Returns:
        A float32 tensor of shape (..., 2 n).
    """
    radius = tf.sqrt(-2.0 * tf.math.log(uniform_of_words(first)))
    share = uniform_of_words(second)
    angle = share * TWO_PI[0] + share * TWO_PI[1]
    return tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=-1)


def uniform_of_normals(normal: Any) -> Any:
    """Return uniform numbers in (0, 1), (batch, n), made of standard normals (batch, 2 n).

    Half the squared length of two standard normals is exponential with rate 1: exp of its negative
    is uniform.

    Example:
        >>> from kvae.noise import uniform_of_normals
        >>> uniform_of_normals(tf.zeros((1, 4))).numpy()
        array([[1., 1.]], dtype=float32)
    """
    first, second = tf.split(normal, 2, axis=-1)
    return tf.exp(-0.5 * (first * first + second * second))


def words(shape: Any, seed: Any) -> Any:
    """Return random 32-bit words, int32, that are the same with and without XLA.

    Args:
        shape: shape of the result; a tensor or a sequence.
        seed: two integers.
    """
    source = WORDS.get()
    if source is not None:
        return source(shape, seed)
    return tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )


def uniform_of_words(words: Any) -> Any:
    """Return floats in (0, 1), the middles of 2^24 equal bins, from the words' upper 24 bits."""
    bins = logical_shift_right(words, 32 - MANTISSA_BITS)
    return (tf.cast(bins, tf.float32) + 0.5) * (2.0**-MANTISSA_BITS)


def rows_at(points: Any, weight: Any, order: Any) -> Any:
    """Return the row that holds each point of [0, 1], int32 (..., n).

    Row order_0 has the first part, as long as its share of the weight, then row order_1, ...: the
    row at a uniform number is a draw by weight. A row of weight 0 is not found, also where a sum
    rounds.

    Args:
        points: floats, (..., n).
        weight: weights of the rows, at least 0, (rows,).
        order: int32, each row once, those of weight 0 last, (..., rows).

    Example:
        >>> from kvae.noise import rows_at
        >>> rows_at([0.1, 0.3, 0.9, 1.0], tf.constant([3.0, 0.0, 1.0]), [2, 0, 1]).numpy()
        array([2, 0, 0, 0], dtype=int32)
    """
    ends = tf.cumsum(tf.gather(weight, order), axis=-1)
    found = tf.searchsorted(ends, points * ends[..., -1:], side="right")
    last = tf.reduce_sum(tf.cast(weight > 0.0, tf.int32)) - 1
    found = tf.minimum(found, tf.maximum(last, 0))
    return tf.gather(order, found, batch_dims=len(found.shape) - 1)


def logical_shift_right(word: Any, bits: int) -> Any:
    """Shift int32 words and fill with zeros.

    An arithmetic shift, plus 2^(32 - bits) where the sign was shifted in: TFLite has no unsigned
    words. The sign is -1 or 0.
    """
    sign = tf.bitwise.right_shift(word, tf.constant(31))
    shifted = tf.bitwise.right_shift(word, tf.constant(bits))
    return shifted - sign * tf.constant(1 << (32 - bits), tf.int32)
