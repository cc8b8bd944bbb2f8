"""The base of all quantizers: vectors become codes, integers below a fixed number."""

from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Batch

__all__ = ["Quantizer"]


@keras.saving.register_keras_serializable(package="kvae")
class Quantizer(keras.layers.Layer):
    """A layer that replaces each vector along the last axis by the one that a code stands for.

    Called on vectors (batch, ..., dim) it returns vectors of the same shape. The gradient passes as
    if the vectors had not been replaced (the straight-through estimate). Codes are found in float32
    under every dtype policy.

    A subclass defines `dim`, `codebook_size`, `codes` and `vectors`, and `call` where the gradient
    is another one.

    Example:
        >>> quantizer = kvae.layers.FiniteScalarQuantizer([3, 3])
        >>> quantizer(tf.constant([[0.1, 9.0]])).numpy()
        array([[0., 1.]], dtype=float32)
        >>> quantizer.codes(tf.constant([[0.1, 9.0]])).numpy()
        array([7], dtype=int32)
    """

    xla_pays = True  # see `kvae.training.execution`
    commitment = 0.0  # weight of `penalty`

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    @property
    def dim(self) -> int:
        """Number of elements of a vector."""
        raise NotImplementedError(f"{type(self).__name__} must define dim")

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""
        raise NotImplementedError(f"{type(self).__name__} must define codebook_size")

    def codes(self, vectors: Any) -> Any:
        """Return the codes of vectors (batch, ..., dim), int32 (batch, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must define codes")

    def vectors(self, codes: Any) -> Any:
        """Return what codes (batch, ...) stand for, float32 (batch, ..., dim)."""
        raise NotImplementedError(f"{type(self).__name__} must define vectors")

    def penalty(self, vectors: Any) -> Any:
        """Return what draws vectors to their codes, (batch,); None where nothing does.

        Args:
            vectors: (batch, ..., dim).
        """
        return None

    def update(self, vectors: Any, seed: Any, batch: Batch) -> None:
        """Learn from the vectors of a batch in training.

        Args:
            vectors: (batch, ..., dim).
            seed: two int32.
            batch: weights of the examples, and this replica's share.
        """

    def call(self, vectors: Any) -> Any:
        """Return the vectors of the codes, (batch, ..., dim)."""
        vectors = tf.cast(vectors, tf.float32)
        quantized = vectors + tf.stop_gradient(self.vectors(self.codes(vectors)) - vectors)
        return tf.cast(quantized, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return tuple(input_shape)


def weight_of_positions(codes: Any, batch: Batch) -> Any:
    """Return the weight of each code, that of its example, in one axis, float32 (codes,).

    Args:
        codes: (batch, ...).
        batch: weights of the examples.
    """
    weight = tf.ones(tf.shape(codes), tf.float32)
    if batch.weight is not None:
        axes = [-1, *[1] * (len(codes.shape) - 1)]
        weight = weight * tf.reshape(tf.cast(batch.weight, tf.float32), axes)
    return tf.reshape(weight, [-1])


def perplexity(codes: Any, size: int, batch: Batch) -> Any:
    """Return exp of the entropy of the codes of the global batch: how many are in use, a scalar.

    Args:
        codes: int32, (batch, ...).
        size: number of different codes.
        batch: weights of the examples, and this replica's share.

    Example:
        >>> from kvae.layers.quantizer import perplexity
        >>> float(perplexity(tf.constant([[0, 1], [1, 0]]), 8, kvae.contract.Batch()))
        2.0
    """
    weight = weight_of_positions(codes, batch)
    counts = tf.math.unsorted_segment_sum(weight, tf.reshape(codes, [-1]), size)
    (counts,) = batch.summed([counts])
    share = tf.math.divide_no_nan(counts, tf.reduce_sum(counts))
    return tf.exp(-tf.reduce_sum(share * tf.math.log(tf.maximum(share, 1e-30))))
