"""Random numbers that every device computes alike: threefry2x32 in integer operations.

TensorFlow's own generators convert only to operations that phones do not have. A counter-based
generator needs nothing but additions, shifts and exclusive ors of 32-bit words, all of which are
builtin operations of TFLite. Words are int32 here, because TFLite adds no uint32: sums wrap around
in two's complement, and a logical shift is an arithmetic one with the sign bits put right.

References:
    Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011,
    https://doi.org/10.1145/2063384.2063405, and its library Random123.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kvae.noise import WORDS, box_muller, uniform_of_words

__all__ = [
    "counted_noise",
    "further_keys",
    "seed_rows",
    "standard_normal",
    "threefry2x32",
    "uniform",
    "words",
]

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
ROUNDS = 20
KEY_PARITY = 0x1BD11BDA


def threefry2x32(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the two 32-bit words that threefry2x32 with 20 rounds makes of key and counter.

    Args:
        key: two int32 tensors, the words of the key.
        counter: two int32 tensors of a shape that broadcasts with the key.

    Returns:
        Two int32 tensors of the broadcast shape.

    Example:
        >>> from kvae.threefry import threefry2x32
        >>> zero = tf.constant(0)
        >>> [hex(int(word) & 0xFFFFFFFF) for word in threefry2x32((zero, zero), (zero, zero))]
        ['0x6b200159', '0x99ba4efe']
    """
    xor = tf.bitwise.bitwise_xor
    keys = (key[0], key[1], xor(xor(key[0], key[1]), tf.constant(KEY_PARITY)))
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for index in range(ROUNDS):
        left = left + right
        right = xor(_rotate_left(right, ROTATIONS[index % len(ROTATIONS)]), left)
        if index % 4 == 3:
            injection = index // 4 + 1
            left = left + keys[injection % 3]
            right = right + keys[(injection + 1) % 3] + injection
    return left, right


def standard_normal(seed: Any, size: int) -> Any:
    """Return `size` independent standard normals for each seed.

    Args:
        seed: int32 tensor (batch, 2), a key for each row.
        size: normals in a row.

    Returns:
        A float32 tensor (batch, size).

    Example:
        >>> from kvae.threefry import standard_normal
        >>> standard_normal(tf.constant([[7, 0]]), 3).numpy().round(4)
        array([[-0.0405, -0.3206, -0.4363]], dtype=float32)
    """
    pairs = -(-size // 2)
    key = (seed[:, :1], seed[:, 1:])  # (batch, 1) each
    counter = (tf.range(pairs, dtype=tf.int32)[None], tf.zeros((1, pairs), tf.int32))
    return box_muller(*threefry2x32(key, counter))[:, :size]


def uniform(seed: Any) -> Any:
    """Return one number in (0, 1) for each seed, independent of its standard normals.

    Args:
        seed: int32 tensor (batch, 2), a key for each row.

    Returns:
        A float32 tensor (batch,).

    Example:
        >>> from kvae.threefry import uniform
        >>> uniform(tf.constant([[7, 0], [8, 0]])).shape
        TensorShape([2])
    """
    zero = tf.zeros_like(seed[:, 0])
    return uniform_of_words(threefry2x32((seed[:, 0], seed[:, 1]), (zero, zero + 1))[0])


def further_keys(seed: Any, count: int) -> Any:
    """Return `count` other keys of each key, independent of its standard normals and uniform.

    Args:
        seed: int32 tensor (batch, 2), a key for each row.
        count: keys of each row.

    Returns:
        An int32 tensor (count, batch, 2).

    Example:
        >>> from kvae.threefry import further_keys
        >>> further_keys(tf.constant([[7, 0], [8, 0]]), 3).shape
        TensorShape([3, 2, 2])
    """
    counter = (tf.range(count, dtype=tf.int32)[:, None], tf.fill((count, 1), 2))
    return tf.stack(threefry2x32((seed[:, 0], seed[:, 1]), counter), axis=-1)


def seed_rows(rows: Any, seed: Any) -> Any:
    """Return the key (row, seed) of each row, int32 (n, 2): row i of `sample(n, seed)` uses it.

    Args:
        rows: row numbers, int32 (n,).
        seed: an integer scalar.
    """
    return tf.stack([rows, tf.fill(tf.shape(rows), tf.cast(seed, tf.int32))], axis=1)


def words(shape: Any, seed: Any) -> Any:
    """Return random 32-bit words, int32, of a shape.

    Args:
        shape: shape of the result; a tensor or a sequence.
        seed: two int32, the key.

    Example:
        >>> from kvae.threefry import words
        >>> words((2, 3), [7, 0]).shape
        TensorShape([2, 3])
    """
    seed = tf.convert_to_tensor(seed, tf.int32)
    size = tf.reduce_prod(tf.cast(shape, tf.int32))
    counter = tf.range((size + 1) // 2)
    first, second = threefry2x32(tuple(tf.unstack(seed)), (counter, tf.zeros_like(counter)))
    return tf.reshape(tf.concat([first, second], axis=0)[:size], shape)


@contextlib.contextmanager
def counted_noise() -> Iterator[None]:
    """Let the noise of training come from threefry, as on devices that train.

    Example:
        >>> from kvae import noise, threefry
        >>> with threefry.counted_noise():
        ...     same = noise.words((4,), [7, 0]) == threefry.words((4,), [7, 0])
        >>> bool(tf.reduce_all(same))
        True
    """
    token = WORDS.set(words)
    try:
        yield
    finally:
        WORDS.reset(token)


def _rotate_left(word: Any, bits: int) -> Any:
    # The shifted-out and the shifted-in bits do not overlap, so their sum is their union. Of a
    # negative word the arithmetic shift to the right is 2^bits too small, and `sign` is -1.
    sign = tf.bitwise.right_shift(word, tf.constant(31))
    shifted = tf.bitwise.right_shift(word, tf.constant(32 - bits))
    return (word - sign) * tf.constant(1 << bits, tf.int32) + shifted
