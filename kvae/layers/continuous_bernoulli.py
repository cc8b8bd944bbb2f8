"""The continuous Bernoulli layer: grey pixels with a normalized density on [0, 1]."""

import math
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.distribution_layer import DistributionLayer, pixel_domain
from kvae.layers.scale import bounded
from kvae.special_functions import expm1

__all__ = ["ContinuousBernoulli"]

# The density at the end grows with the logit without end: pixels that are always 0 would drive it
# there. At 1000 the mean is within 0.001 of the end.
HIGHEST_LOGIT = 1000.0
# log(sinh(y) / y) in powers of y^2; the next term is 5e-11 at y = 1/2.
LOG_SINH = (1 / 6, -1 / 180, 1 / 2835, -1 / 37800, 1 / 467775)


@keras.saving.register_keras_serializable(package="kvae")
class ContinuousBernoulli(DistributionLayer):
    """Independent continuous Bernoullis, an event of any shape: params are the logits.

        log p(x) = sum_i x_i log p_i + (1 - x_i) log(1 - p_i) + log C(l_i),    p_i = sigmoid(l_i),
        C(l) = l / tanh(l / 2),    C(0) = 2,    in nats, for x_i in [0, 1].

    `IndependentBernoulli` takes grey values too, but there C is missing and its "likelihood" does
    not integrate to one. The mean is not the probability p: it is 1 / (1 - exp(-l)) - 1 / l, which
    lies nearer to the middle. Logits act within [-1000, 1000].

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`; "logits" as well.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.ContinuousBernoulli(2)
        >>> likelihood.distribution([[0.0, 4.0]]).mean().numpy().round(3)
        array([[0.5  , 0.769]], dtype=float32)

    References:
        Loaiza-Ganem, Cunningham: The continuous Bernoulli: fixing a pervasive error in variational
        autoencoders, 2019, https://arxiv.org/abs/1907.06845
    """

    reads_logits = True
    conversions = (*DistributionLayer.conversions, "logits")
    domain = pixel_domain()

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.ContinuousBernoulli)`."""
        (logits,) = self.blocks(params)
        logits = bounded(logits, -HIGHEST_LOGIT, HIGHEST_LOGIT)
        bernoulli = _ContinuousBernoulli(
            logits, dtype=logits.dtype, validate_args=self.validate_args
        )
        return tfd.Independent(bernoulli, len(self.event_shape))

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "logits":
            return distribution.distribution.logits_parameter()
        return super().convert(distribution, name)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `logits`, (batch..., *event_shape)."""
        return {"logits": self.convert(self.distribution(params), "logits")}


class _ContinuousBernoulli(tfd.ContinuousBernoulli):
    """`tfd.ContinuousBernoulli` of logits with a density that TFLite computes at large logits too.

    With h = |l| and the share w of x at the end that l points away from, 1 - x for l > 0,

        log p(x) = log(h / (1 - exp(-h))) - h w,

    in which the exponentials of TFP's three terms cancel.
    """

    def _log_prob(self, event: Any) -> Any:
        logits = tf.convert_to_tensor(self.logits)
        event = tf.cast(event, logits.dtype)
        # `where` and not tf.abs, whose gradient is zero at l = 0, where it must be x - 1/2.
        height = tf.where(logits >= 0.0, logits, -logits)
        away = tf.where(logits >= 0.0, 1.0 - event, event)
        near = height < 1.0
        low, high = tf.where(near, height, 0.0), tf.where(near, tf.ones_like(height), height)
        square = tf.square(0.5 * low)
        series: Any = 0.0
        for coefficient in reversed(LOG_SINH):
            series = square * (coefficient + series)
        normalization = tf.where(
            near, 0.5 * low - series, tf.math.log(high) - tf.math.log(-expm1(-high))
        )
        log_prob = normalization - height * away
        outside = (event < 0.0) | (event > 1.0)
        return tf.where(outside, tf.constant(-math.inf, log_prob.dtype), log_prob)
