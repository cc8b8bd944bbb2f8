"""The logistic layer: like the normal, with heavier tails and a cdf in closed form."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.loc_scale_layer import LocScaleLayer
from kvae.special_functions import softplus

__all__ = ["IndependentLogistic"]


@keras.saving.register_keras_serializable(package="kvae")
class IndependentLogistic(LocScaleLayer):
    """Independent logistics, an event of any shape: params are the blocks [loc, raw scale].

    log p(x) = sum_i -|z_i| - 2 log(1 + exp(-|z_i|)) - log s_i in nats, with
    z_i = (x_i - loc_i) / s_i and s_i = max(softplus(raw_i), min_scale). The standard deviation is
    s pi / sqrt(3).

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the scale in the unit of the data, by default 0.001; see
            `IndependentNormal`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> layer = kvae.layers.IndependentLogistic((4, 4, 3))
        >>> layer.params_shape
        (4, 4, 6)
        >>> kvae.layers.IndependentLogistic(1).distribution(tf.zeros((1, 2))).mean().numpy()
        array([[0.]], dtype=float32)

    References:
        `tfp.layers.IndependentLogistic` (tensorflow/probability), whose packing and scale it
        shares.
    """

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Logistic)`."""
        loc, raw_scale = self.blocks(params)
        logistic = _Logistic(loc, self.bounded_scale(raw_scale), validate_args=self.validate_args)
        return tfd.Independent(logistic, len(self.event_shape))


class _Logistic(tfd.Logistic):
    """`tfd.Logistic` with a density that is even in x - loc in floating point as well.

    TFP's -z - 2 softplus(-z) is inf - inf, NaN, far to the left of a small scale, and TFP's own
    value everywhere else.
    """

    def _log_prob(self, x: Any) -> Any:
        distance = tf.abs(x - self.loc) / self.scale
        return -distance - 2.0 * softplus(-distance) - tf.math.log(self.scale)
