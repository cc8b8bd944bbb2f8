"""Finite scalar quantization: each element of a vector is rounded to one of a few levels."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.layers.quantizer import Quantizer

__all__ = ["FiniteScalarQuantizer"]

# Levels of the paper's table 1 reach their outermost value with a finite input.
MARGIN = 1e-3
MOST_MARGIN = 0.49  # of a level: half a level would be rounded to one that is not there
MOST_CODES = 2**24  # those that a draw made of a float32 tells apart


@keras.saving.register_keras_serializable(package="kvae")
class FiniteScalarQuantizer(Quantizer):
    """Elements bounded by tanh and rounded to L_i levels in [-1, 1]; nothing is learned.

        v_i -> round(bound_i(v_i)) / floor(L_i / 2),    code = sum_i level_i * prod_{j<i} L_j.

    There is no codebook that could collapse and no commitment. The paper finds it level with vector
    quantization from about a thousand codes on: [8, 5, 5, 5] makes 1,000, [7, 5, 5, 5, 5] makes
    4,375, [8, 8, 8, 6, 5] makes 15,360.

    Zero stands for the middle level, and of two levels it is the boundary. (By the formula for more
    levels it would be the upper one of two, where tanh is flat: an encoder could not leave it.)

    Args:
        levels: number of levels of each element, at least 2; their product is at most 2^24.
        zero_between_two: whether zero is the boundary of two levels; False as in files of models
            that were trained before it was.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `levels` is empty or holds something else than such integers, or if there
            are more codes.

    Example:
        >>> quantizer = kvae.layers.FiniteScalarQuantizer([8, 5, 5, 5])
        >>> quantizer.codebook_size, quantizer.dim
        (1000, 4)

    References:
        Mentzer, Minnen, Agustsson, Tschannen: Finite Scalar Quantization: VQ-VAE Made Simple, 2024,
        https://arxiv.org/abs/2309.15505
    """

    def __init__(self, levels: Sequence[int], zero_between_two: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.levels = [checks.positive_int("levels", level) for level in levels]
        if not self.levels or min(self.levels) < 2:
            raise ValueError(
                "Expected levels to name at least one element, each of at least 2 levels. "
                f"Received: levels={levels!r}"
            )
        if self.codebook_size > MOST_CODES:
            raise ValueError(
                f"Expected levels with a product of at most {MOST_CODES}, the number of codes. "
                f"Received: levels={levels!r}, {self.codebook_size} codes"
            )
        self.zero_between_two = bool(zero_between_two)
        sizes = np.array(self.levels)
        self._half = (sizes // 2).astype("float32")
        self._basis = np.cumprod([1, *sizes[:-1]]).astype("int32")
        half = (sizes - 1) / 2.0
        self._reach = (half + np.minimum(MARGIN * half, MOST_MARGIN)).astype("float32")
        # An even number of levels lies half a level beside zero.
        self._offset = np.where(sizes % 2 == 0, 0.5, 0.0).astype("float32")
        shift = np.arctanh(self._offset / self._reach)
        if self.zero_between_two:
            shift = np.where(sizes == 2, 0.0, shift)
        self._shift = shift.astype("float32")

    @property
    def dim(self) -> int:
        """Number of elements of a vector."""
        return len(self.levels)

    @property
    def codebook_size(self) -> int:
        """Number of different codes, the product of the levels."""
        return math.prod(self.levels)

    def call(self, vectors: Any) -> Any:
        """Return the levels in [-1, 1], (batch, ..., dim)."""
        bounded = self._bounded(vectors)
        rounded = bounded + tf.stop_gradient(tf.round(bounded) - bounded)
        return tf.cast(rounded / self._half, self.compute_dtype)

    def codes(self, vectors: Any) -> Any:
        """Return the code of each vector, int32 (batch, ...)."""
        digits = tf.cast(tf.round(self._bounded(vectors)) + self._half, tf.int32)
        return tf.reduce_sum(digits * self._basis, axis=-1)

    def vectors(self, codes: Any) -> Any:
        """Return the levels in [-1, 1] of codes, (batch, ..., dim)."""
        codes = tf.cast(codes, tf.int32)[..., None]
        digits = tf.math.floormod(codes // self._basis, np.array(self.levels, "int32"))
        return (tf.cast(digits, tf.float32) - self._half) / self._half

    def _bounded(self, vectors: Any) -> Any:
        vectors = tf.cast(vectors, tf.float32)
        return tf.tanh(vectors + self._shift) * self._reach - self._offset

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        # Only where it says something: the digest of other models stays what it was.
        moved = self.zero_between_two and 2 in self.levels
        own = {"zero_between_two": True} if moved else {}
        return {**super().get_config(), "levels": self.levels, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FiniteScalarQuantizer":
        """Return the layer that `get_config` described."""
        return super().from_config({"zero_between_two": False, **config})
