"""The standard normal prior and its KL in closed form."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.priors.prior import Prior

__all__ = ["StandardNormal", "is_gaussian"]


@keras.saving.register_keras_serializable(package="kvae")
class StandardNormal(Prior):
    """N(0, I): the force that packs the codes together around the origin.

    For a Gaussian posterior with mean m and covariance L L^T the KL has the closed form

        KL = 1/2 sum_i (m_i^2 + exp(2 log L_ii) - 1 - 2 log L_ii) + 1/2 sum_{i>j} L_ij^2,

    computed so that it stays at or above zero where the posterior is nearly the prior.

    Args:
        event_size: int d, the number of latent dimensions.
        **kwargs: Passed to `keras.layers.Layer`.

    Example:
        >>> prior = kvae.priors.StandardNormal(2)
        >>> float(prior.distribution().log_prob([0.0, 0.0]))
        -1.8378770351409912

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, appendix B,
        https://arxiv.org/abs/1312.6114
    """

    def make_distribution(self) -> Any:
        """Return `tfd.MultivariateNormalDiag(0, 1)` of event shape (d,)."""
        return tfd.MultivariateNormalDiag(tf.zeros(self.event_size), tf.ones(self.event_size))

    def from_normal(self, normal: Any) -> Any:
        """Return `normal` itself, (batch, event_size)."""
        return normal

    def exact_kl(self, posterior: Any) -> Any | None:
        """Return KL(posterior || N(0, I)) in nats, shape (batch...); None if not Gaussian."""
        if not is_gaussian(posterior):
            return None
        loc, scale, off_diagonal = _gaussian_moments(posterior)
        return tf.reduce_sum(_normal_kl(loc, scale), axis=-1) + 0.5 * off_diagonal

    def exact_kl_per_dimension(self, posterior: Any) -> Any | None:
        """Return the KL of each dimension, shape (batch..., d); None without independence."""
        if not is_gaussian(posterior) or isinstance(posterior, tfd.MultivariateNormalTriL):
            return None
        loc, scale, _ = _gaussian_moments(posterior)
        return _normal_kl(loc, scale)


def _normal_kl(loc: Any, scale: Any) -> Any:
    """Return 1/2 (m^2 + exp(v) - 1 - v) with v = 2 log scale, elementwise, never below zero.

    Near v = 0 the difference expm1(v) - v cancels to a few last digits, of either sign; there its
    Taylor series stands in, whose first left-out term is 4e-9 of the sum at |v| = 0.1.
    """
    v = 2.0 * tf.math.log(scale)
    series = v * v * (1 / 2 + v * (1 / 6 + v * (1 / 24 + v * (1 / 120 + v / 720))))
    return 0.5 * (loc * loc + tf.where(tf.abs(v) < 0.1, series, tf.math.expm1(v) - v))


def is_gaussian(posterior: Any) -> bool:
    """Return whether `posterior` is a normal over vectors, of whatever covariance."""
    if isinstance(posterior, tfd.Independent):
        return isinstance(posterior.distribution, tfd.Normal) and len(posterior.event_shape) == 1
    return isinstance(posterior, tfd.MultivariateNormalTriL | tfd.MultivariateNormalDiag)


def _gaussian_moments(posterior: Any) -> tuple[Any, Any, Any]:
    """Return mean (B, d), diagonal of the scale (B, d), squared sum below the diagonal (B,)."""
    if isinstance(posterior, tfd.Independent):
        return posterior.distribution.loc, posterior.distribution.scale, 0.0
    if isinstance(posterior, tfd.MultivariateNormalDiag):
        return posterior.loc, posterior.scale.diag_part(), 0.0
    # From the parameter itself: TFLite has no operation that takes a matrix's diagonal or triangle.
    matrix = tf.convert_to_tensor(posterior.parameters["scale_tril"])  # (B, d, d)
    size = matrix.shape[-1]
    diagonal = tf.reduce_sum(matrix * tf.eye(size, dtype=matrix.dtype), axis=-1)
    below = matrix * np.tri(size, k=-1, dtype=matrix.dtype.as_numpy_dtype)
    return posterior.loc, diagonal, tf.reduce_sum(tf.square(below), axis=(-2, -1))
