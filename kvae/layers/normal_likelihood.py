"""The scale of a Gaussian decoder: fixed, learned, or the best one for the batch.

A decoder that emits the mean only needs a scale from somewhere, and the choice weighs the
reconstruction against the KL: halving sigma quadruples what a squared error costs. Three ways:

- fixed: `NormalLikelihood(event_shape, scale=0.1)`, params are the mean alone;
- learned: `IndependentNormal(event_shape)`, and a `LearnedScale` as the decoder's last layer. The
  scale is a weight of the network, so that training, saving and export treat it like any other;
- optimal: `NormalLikelihood(event_shape, scale="optimal")`, no parameter at all (sigma-VAE).
"""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.normal import Normal

__all__ = ["NormalLikelihood"]

LOWEST_LOG_SCALE = -6.0  # the soft floor of the sigma-VAE: sigma stays above 0.0025
TINY = 1e-12  # keeps the logarithm of a zero error finite, far below the floor's square


@keras.saving.register_keras_serializable(package="kvae")
class NormalLikelihood(DistributionLayer):
    """Independent normals whose params are the mean alone, an event of any shape.

    With a number as `scale`, log p(x) = sum_i log N(x_i; loc_i, scale), in nats.

    With "optimal" the scale is the one that makes the data of the batch most likely,

        sigma^2 = mean over batch and elements of (x_i - loc_i)^2,

    with log sigma kept above -6 by a softplus. There is nothing to tune, and reconstruction and KL
    come into balance by themselves. Two things follow. The log-likelihood of an example depends on
    the other examples of its batch, so it is comparable only between batches of the same size,
    large ones best. And without data there is no scale, hence no samples: mean and mode only. For a
    likelihood that stands by itself, fix the scale at what the distribution's `optimal_scale` gives
    over the training data, or learn it with `LearnedScale`.

    Args:
        event_shape: see `DistributionLayer`.
        scale: standard deviation in the units of the data, a positive number; or "optimal".
        convert_to_tensor_fn: see `DistributionLayer`; by default "sample", with an optimal scale
            "mean".
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `scale` is neither; learned scales belong to the decoder (`LearnedScale`).

    Example:
        >>> likelihood = kvae.layers.NormalLikelihood((8, 8, 1), scale=0.1)
        >>> likelihood.params_shape
        (8, 8, 1)
        >>> sigma_vae = kvae.layers.NormalLikelihood(2, scale="optimal")
        >>> normal = sigma_vae.distribution([[0.0, 0.0]])
        >>> print(f"{normal.optimal_scale([[0.3, -0.1]]):.2f}")  # sqrt((0.3^2 + 0.1^2) / 2) + floor
        0.23

    References:
        Rybkin, Daniilidis, Levine: Simple and Effective VAE Training with Calibrated Decoders,
        2021, https://arxiv.org/abs/2006.13202
    """

    def __init__(
        self,
        event_shape: Any = (),
        scale: float | str = 1.0,
        convert_to_tensor_fn: Any = None,
        validate_args: bool = False,
        **kwargs: Any,
    ):
        if scale in ("shared", "per-element"):
            raise ValueError(
                "A learned scale is a weight of the decoder: end it in kvae.layers.LearnedScale("
                f"shared={scale == 'shared'}) and use kvae.layers.IndependentNormal(event_shape) "
                f"as the likelihood. Received: scale={scale!r}"
            )
        if scale == "optimal":
            self.conversions = ("mean", "mode")
        else:
            scale = checks.positive("scale", scale)
        convert = convert_to_tensor_fn or ("mean" if scale == "optimal" else "sample")
        super().__init__(event_shape, convert, validate_args, **kwargs)
        self.scale = scale

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Normal)`, or the normal that looks for its scale."""
        (loc,) = self.blocks(params)
        if self.scale == "optimal":
            return _OptimalNormal(loc, len(self.event_shape), validate_args=self.validate_args)
        normal = Normal(loc, tf.constant(self.scale, loc.dtype), validate_args=self.validate_args)
        return tfd.Independent(normal, len(self.event_shape))

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name not in self.conversions:
            raise ValueError(
                f"Expected one of {', '.join(self.conversions)}: an optimal scale is known only "
                f"from data. Received: {name!r} of NormalLikelihood(scale='optimal')"
            )
        return super().convert(distribution, name)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `scale`, (batch..., *event_shape), where it is fixed; loc is the mean."""
        mean = self.mean(params)
        return {} if self.scale == "optimal" else {"scale": tf.fill(tf.shape(mean), self.scale)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "scale": self.scale}


class _OptimalNormal(tfp.distributions.Distribution):
    """Normals around `loc` with the one scale that makes the values given to `log_prob` likeliest.

    Args:
        loc: means, shape (batch..., *event).
        event_ndims: number of axes of the event.
        validate_args: kept for TFP; there is nothing to check.
    """

    def __init__(self, loc: Any, event_ndims: int, validate_args: bool = False):
        parameters = {"loc": loc, "event_ndims": event_ndims, "validate_args": validate_args}
        self.loc = loc
        self.event_ndims = event_ndims
        super().__init__(
            dtype=loc.dtype,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=True,
            parameters=parameters,
            name="OptimalNormal",
        )

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: int | None = None) -> dict[str, Any]:
        event = {"event_ndims": lambda normal: normal.event_ndims}
        return {"loc": tfp.util.ParameterProperties(**event)}

    def _event_shape(self) -> Any:
        return self.loc.shape[self.loc.shape.rank - self.event_ndims :]

    def _event_shape_tensor(self, loc: Any = None) -> Any:
        return tf.shape(self.loc)[self.loc.shape.rank - self.event_ndims :]

    def optimal_scale(self, value: Any) -> Any:
        """Return the scale for the whole of `value`, a scalar in the units of the data."""
        return tf.exp(self._log_scale(tf.square(tf.cast(value, self.dtype) - self.loc)))

    def _log_scale(self, squared_error: Any) -> Any:
        log_scale = 0.5 * tf.math.log(tf.reduce_mean(squared_error) + TINY)
        return LOWEST_LOG_SCALE + tf.math.softplus(log_scale - LOWEST_LOG_SCALE)

    def _log_prob(self, value: Any) -> Any:
        squared_error = tf.square(value - self.loc)
        log_scale = self._log_scale(squared_error)
        log_prob = (
            -0.5 * squared_error * tf.exp(-2.0 * log_scale)
            - log_scale
            - 0.5 * math.log(2.0 * math.pi)
        )
        return tf.reduce_sum(log_prob, axis=tf.range(-self.event_ndims, 0))

    def _mean(self) -> Any:
        return tf.identity(self.loc)

    def _mode(self) -> Any:
        return tf.identity(self.loc)
