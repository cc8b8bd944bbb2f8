"""The uniform prior on the unit sphere and its KL in closed form."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.priors.prior import VectorPrior

__all__ = ["UniformSphere"]

SHORTEST = 1e-6  # a vector of zeros, which normals are not, stays finite (in float16 as well)


@keras.saving.register_keras_serializable(package="kvae")
class UniformSphere(VectorPrior):
    """The uniform distribution on the unit sphere in d dimensions: no direction is preferred.

    Every code has the same length, so the KL cannot pull the codes to the origin. For a power
    spherical posterior it has a closed form that depends on the concentration alone
    (`kvae.contract.closed_form`).

    Args:
        event_shape: int d, the number of dimensions of the space, at least 2.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `event_shape` is below 2.

    Example:
        >>> prior = kvae.priors.UniformSphere(3)
        >>> print(f"{prior.distribution().log_prob([0.0, 0.0, 1.0]):.4f}")  # -log(4 pi)
        -2.5310

    References:
        De Cao, Aziz: The Power Spherical distribution, 2020, https://arxiv.org/abs/2006.04437;
        Davidson, Falorsi, De Cao, Kipf, Tomczak: Hyperspherical Variational Auto-Encoders, 2018,
        https://arxiv.org/abs/1804.00891
    """

    def __init__(self, event_shape: Any, **kwargs: Any):
        super().__init__(event_shape, **kwargs)
        if self.latent_dim < 2:
            raise ValueError(
                "Expected event_shape to be at least 2: a sphere in one dimension is two points. "
                f"Received: event_shape={event_shape!r}"
            )

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.SphericalUniform` of event shape (d,)."""
        return tfd.SphericalUniform(self.latent_dim)

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return given standard normals scaled to length one, (batch, d)."""
        length = tf.sqrt(tf.reduce_sum(tf.square(normal), axis=-1, keepdims=True))
        return normal / tf.maximum(length, SHORTEST)
