"""The uniform prior over codes."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.noise import uniform_of_normals
from kvae.priors.prior import Prior

__all__ = ["UniformCodes"]


@keras.saving.register_keras_serializable(package="kvae")
class UniformCodes(Prior):
    """Every code of a grid of codes has the same probability, independently of the others.

    Args:
        event_shape: shape of the codes of one example, int or tuple.
        codebook_size: int K, number of different codes.
        **kwargs: Passed to `keras.layers.Layer`.

    Example:
        >>> prior = kvae.priors.UniformCodes((2, 2), 8)
        >>> print(f"{prior.distribution().log_prob([[0, 7], [3, 3]]):.4f}")  # -4 log 8
        -8.3178
    """

    def __init__(self, event_shape: Any, codebook_size: int, **kwargs: Any):
        super().__init__(event_shape, **kwargs)
        self.codebook_size = checks.positive_int("codebook_size", codebook_size)

    def make_distribution(self, condition: Any = None) -> Any:
        """Return independent `tfd.Categorical`, event shape `event_shape`."""
        logits = tf.zeros((*self.event_shape, self.codebook_size))
        return tfd.Independent(tfd.Categorical(logits), len(self.event_shape))

    @property
    def normals(self) -> int:
        """How many standard normals `from_normal` turns into one draw: two for each code."""
        return 2 * self.latent_dim

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return codes made of given standard normals, int32 (batch, *event_shape)."""
        codes = tf.cast(uniform_of_normals(normal) * self.codebook_size, tf.int32)
        codes = tf.minimum(codes, self.codebook_size - 1)
        return tf.reshape(codes, [-1, *self.event_shape])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {**super().get_config(), "codebook_size": self.codebook_size}
