"""Layers for counts: whole numbers from zero on."""

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.contract import Domain
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.scale import bounded
from kvae.special_functions import lgamma

__all__ = ["IndependentPoisson"]

# e^80 = 5.5e34, spread over the elements of an event: the sum over the event, and over a batch of
# some thousand examples, is still a float32. A rate of e^89 is not.
HIGHEST_LOG_RATE = 80.0


@keras.saving.register_keras_serializable(package="kvae")
class IndependentPoisson(DistributionLayer):
    """Independent Poissons, an event of any shape: params are the log rates.

    log p(x) = sum_i x_i l_i - exp(l_i) - log x_i!, in nats, for counts x_i = 0, 1, 2, ...

    The log rate l is held at or below 80 - log(number of elements), where TFP's rates come near
    the end of float32 and their sum overflows; below that the values are TFP's.

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.IndependentPoisson(3)
        >>> likelihood.distribution(tf.zeros((1, 3))).mean().numpy()
        array([[1., 1., 1.]], dtype=float32)
        >>> bool(np.isfinite(likelihood.distribution([[1e4, 0.0, -1e4]]).log_prob([[1.0, 1, 1]])))
        True

    References:
        `tfp.layers.IndependentPoisson` (tensorflow/probability), whose packing it shares.
    """

    domain = Domain(0.0, math.inf, integer=True)
    density = False

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Poisson)`."""
        (log_rate,) = self.blocks(params)
        highest = HIGHEST_LOG_RATE - math.log(math.prod(self.event_shape))
        poisson = _Poisson(
            log_rate=bounded(log_rate, high=highest), validate_args=self.validate_args
        )
        return tfd.Independent(poisson, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `rate`, (batch..., *event_shape)."""
        return {"rate": self.mean(params)}


class _Poisson(tfd.Poisson):
    """`tfd.Poisson` of log rates with kvae's log Gamma, which has a form for TFLite."""

    def _log_prob(self, x: Any) -> Any:
        log_rate = tf.convert_to_tensor(self.log_rate)
        # No rate is needed for a count of zero, even where its logarithm is -inf.
        explained = tf.math.multiply_no_nan(log_rate, x) - tf.exp(log_rate)
        inside = tf.maximum(x, tf.zeros_like(x))
        log_prob = explained - lgamma(1.0 + inside)
        return tf.where(x < 0.0, tf.constant(-math.inf, log_prob.dtype), log_prob)
