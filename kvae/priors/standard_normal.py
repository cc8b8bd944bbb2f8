"""The standard normal prior."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.priors.prior import Prior

__all__ = ["StandardNormal"]


@keras.saving.register_keras_serializable(package="kvae")
class StandardNormal(Prior):
    """N(0, I): the KL to it packs the codes together around the origin, without gaps.

    For Gaussian posteriors the KL has a closed form (`kvae.contract.closed_form`).

    Args:
        event_shape: int d, the number of latent dimensions, or a tuple of ints.
        **kwargs: Passed to `keras.layers.Layer`.

    Example:
        >>> prior = kvae.priors.StandardNormal(2)
        >>> float(prior.distribution().log_prob([0.0, 0.0]))
        -1.8378770351409912

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, appendix B,
        https://arxiv.org/abs/1312.6114
    """

    def make_distribution(self, condition: Any = None) -> Any:
        """Return independent normals of event shape `event_shape`."""
        zeros, ones = tf.zeros(self.event_shape), tf.ones(self.event_shape)
        if len(self.event_shape) == 1:
            return tfd.MultivariateNormalDiag(zeros, ones)
        return tfd.Independent(tfd.Normal(zeros, ones), len(self.event_shape))

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return `normal` itself in the shape of draws, (batch, *event_shape)."""
        if len(self.event_shape) == 1:
            return normal
        return tf.reshape(normal, (-1, *self.event_shape))
