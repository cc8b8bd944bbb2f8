"""The beta layer: proportions, bounded measurements."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae.contract import Domain
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.scale import positive_scale
from kvae.special_functions import lbeta, log1p

__all__ = ["IndependentBeta"]

# At it nearly all mass sits at the two ends.
CONCENTRATION_FLOOR = 1e-2
# A power of two, so that 1 - MARGIN is exact in float32.
MARGIN = 2.0**-20


@keras.saving.register_keras_serializable(package="kvae")
class IndependentBeta(DistributionLayer):
    """Independent betas, an event of any shape: params are the blocks [raw a, raw b].

    log p(x) = sum_i (a_i - 1) log x_i + (b_i - 1) log(1 - x_i) - log B(a_i, b_i) in nats, for x_i
    in [0, 1], with concentrations a = softplus(raw a) + 0.01 and b likewise. The mean is
    a / (a + b).

    The density is infinite or zero at 0 and 1, so that data are drawn in by 2^-20 = 9.5e-7 there.
    Data with many exact zeros or ones can still gain about 10 nats for each of them by a -> 0; for
    such data a continuous Bernoulli or a discretized logistic is the better likelihood.

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`; a beta has no "mode" when a or b is below 1.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.IndependentBeta(2)
        >>> likelihood.params_size
        4
        >>> bool(np.isfinite(likelihood.distribution(tf.zeros((1, 4))).log_prob([[0.0, 1.0]])))
        True
    """

    params_per_element = 2
    conversions = ("sample", "mean", "stddev", "variance")
    domain = Domain(0.0, 1.0, hint="Scale the data to [0, 1].")

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Beta)` that is finite at 0 and 1."""
        raw_1, raw_0 = self.blocks(params)
        beta = _ClosedBeta(
            CONCENTRATION_FLOOR + positive_scale(raw_1),
            CONCENTRATION_FLOOR + positive_scale(raw_0),
            validate_args=self.validate_args,
        )
        return tfd.Independent(beta, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `concentration1` (a) and `concentration0` (b), each (batch..., *event_shape)."""
        beta = self.distribution(params).distribution
        return {"concentration1": beta.concentration1, "concentration0": beta.concentration0}


class _ClosedBeta(tfp.distributions.Beta):
    """`tfd.Beta` whose density is taken a hair inside [0, 1]."""

    def log_prob(self, value: Any, name: str = "log_prob", **kwargs: Any) -> Any:
        inside = tf.clip_by_value(tf.convert_to_tensor(value, self.dtype), MARGIN, 1.0 - MARGIN)
        return super().log_prob(inside, name, **kwargs)

    def _log_prob(self, x: Any) -> Any:
        a, b = tf.convert_to_tensor(self.concentration1), tf.convert_to_tensor(self.concentration0)
        return (a - 1.0) * tf.math.log(x) + (b - 1.0) * log1p(-x) - lbeta(a, b)
