"""The scale of a Gaussian decoder: fixed, learned, or the best one for the batch.

A decoder that emits the mean only needs a scale from somewhere, and the choice weighs the
reconstruction against the KL: halving sigma quadruples what a squared error costs. Three ways:

- fixed: `NormalLikelihood(event_shape, scale=0.1)`, params are the mean alone;
- learned: `IndependentNormal(event_shape)`, and a `LearnedScale` as the decoder's last layer. The
  scale is a weight of the network, so that training, saving and export treat it like any other;
- optimal: `NormalLikelihood(event_shape, scale="optimal")`, computed from the data (sigma-VAE).
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract import Batch
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.normal import Normal
from kvae.layers.observed import check_observed, independent_elements
from kvae.special_functions import HALF_LOG_2_PI

__all__ = ["NormalLikelihood"]

LOWEST_LOG_SCALE = -6.0  # the soft floor of the sigma-VAE: sigma stays above 0.0025
# Weight of the newest batch in the stored mean squared error, at least.
NEWEST = 0.01
TINY = 1e-12  # keeps the logarithm of a zero error finite, far below the floor's square


@keras.saving.register_keras_serializable(package="kvae")
class NormalLikelihood(DistributionLayer):
    """Independent normals whose params are the mean alone, an event of any shape.

    With a number as `scale`, log p(x) = sum_i log N(x_i; loc_i, scale), in nats.

    With "optimal" there is nothing to tune. In training the scale is the one that makes the data of
    the batch most likely,

        sigma^2 = mean over batch and observed elements of (x_i - loc_i)^2,

    the mean weighted by `sample_weight`, over the global batch under several replicas, and
    log sigma kept above -6 by a softplus. The mean squared error is averaged over the batches of
    training, over all of them in the first 100 and with a weight of 1/100 for the newest after
    that, and stored in a weight of the layer that is not trained. Everywhere else, and in training
    with `trainable=False`, the scale is the stored one, so that the log-likelihood of an example
    does not depend on its batch, and draws and exported files use the scale of the training data.
    It is 1 before training.

    Args:
        event_shape: see `DistributionLayer`.
        scale: standard deviation in the units of the data, a positive number; or "optimal".
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `scale` is neither; learned scales belong to the decoder (`LearnedScale`).

    Example:
        >>> likelihood = kvae.layers.NormalLikelihood((8, 8, 1), scale=0.1)
        >>> likelihood.params_shape
        (8, 8, 1)
        >>> sigma_vae = kvae.layers.NormalLikelihood(2, scale="optimal")
        >>> log_prob = sigma_vae.training_log_prob([[0.0, 0.0]], [[0.3, -0.1]])
        >>> print(f"{sigma_vae.stddev_of_data():.2f}")  # sqrt((0.3^2 + 0.1^2) / 2) + floor
        0.23

    References:
        Rybkin, Daniilidis, Levine: Simple and Effective VAE Training with Calibrated Decoders,
        2021, https://arxiv.org/abs/2006.13202
    """

    def __init__(
        self,
        event_shape: Any = (),
        scale: float | str = 1.0,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        if scale in ("shared", "per-element"):
            raise ValueError(
                "A learned scale is a weight of the decoder: end it in kvae.layers.LearnedScale("
                f"shared={scale == 'shared'}) and use kvae.layers.IndependentNormal(event_shape) "
                f"as the likelihood. Received: scale={scale!r}"
            )
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.scale = "optimal" if scale == "optimal" else checks.positive("scale", scale)

    def build(self, input_shape: Any) -> None:
        """Create the weights of an optimal scale."""
        if self.scale == "optimal" and not self.built:
            # Every replica keeps its own, which are the same.
            kwargs = {"trainable": False, "autocast": False, "aggregation": "none"}
            self.squared_error = self.add_weight(
                shape=(), initializer="ones", dtype="float32", name="squared_error", **kwargs
            )
            self.batches = self.add_weight(
                shape=(), initializer="zeros", dtype="float32", name="batches", **kwargs
            )
        super().build(input_shape)

    def stddev_of_data(self) -> Any:
        """Return the scale outside training, a float32 scalar in the unit of the data."""
        if self.scale != "optimal":
            return tf.constant(self.scale, tf.float32)
        return tf.exp(_log_scale(tf.convert_to_tensor(self.squared_error.value)))

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Normal)`."""
        if not self.built:
            self.build(params.shape)
        (loc,) = self.blocks(params)
        fixed = self.scale != "optimal"
        scale = tf.constant(self.scale, loc.dtype) if fixed else self.stddev_of_data()
        normal = Normal(loc, tf.cast(scale, loc.dtype), validate_args=self.validate_args)
        return tfd.Independent(normal, len(self.event_shape))

    @property
    def learns_from_batches(self) -> bool:
        """Whether the scale is an optimal one that is not frozen, see `DistributionLayer`."""
        return self.scale == "optimal" and self.trainable

    def training_log_prob(
        self, params: Any, x: Any, observed: Any = None, batch: Batch | None = None
    ) -> Any:
        """Return log p(x) in nats, shape (batch...); see `DistributionLayer.training_log_prob`.

        An optimal scale is that of the global batch, and the stored one is updated; a layer that is
        not `trainable` uses the stored one and leaves it as it is.
        """
        if not self.learns_from_batches:
            return self.log_prob(params, x, observed)
        elements = independent_elements(self, self.distribution(params))
        error = tf.cast(x, elements.dtype) - elements.loc
        shares = tf.ones_like(error)
        batch = batch or Batch()
        if batch.weight is not None:
            weight = tf.cast(batch.weight, error.dtype)
            shares *= weight[(..., *[tf.newaxis] * len(self.event_shape))]
        if observed is not None:
            observed = check_observed(observed, self.event_shape)
            error = tf.where(observed, tf.cast(x, error.dtype), elements.loc) - elements.loc
            shares = tf.where(observed, shares, tf.zeros_like(shares))
        sums = [tf.reduce_sum(shares * tf.square(error)), tf.reduce_sum(shares)]
        squared_errors, total = batch.summed(sums)
        squared_error = tf.math.divide_no_nan(squared_errors, total)
        self._store(tf.cast(tf.stop_gradient(squared_error), tf.float32), total > 0)
        log_scale = _log_scale(squared_error)
        log_prob = -0.5 * tf.square(error) * tf.exp(-2.0 * log_scale) - log_scale - HALF_LOG_2_PI
        if observed is not None:
            log_prob = tf.where(observed, log_prob, tf.zeros_like(log_prob))
        return tf.reduce_sum(log_prob, axis=list(range(-len(self.event_shape), 0)))

    def _store(self, squared_error: Any, known: Any) -> None:
        """Average `squared_error` of a batch into the stored one, if anything of it is known."""
        known = tf.cast(known, tf.float32)
        batches = self.batches.value + known
        rate = known * tf.maximum(1.0 / tf.maximum(batches, 1.0), NEWEST)
        self.batches.assign(batches)
        self.squared_error.assign_add(rate * (squared_error - self.squared_error.value))

    def fill_value(self, elements: Any) -> Any:
        """Return loc, where the density and its gradient are finite for every parameter."""
        return tf.stop_gradient(elements.loc)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `scale`, (batch..., *event_shape); loc is the mean."""
        mean = self.mean(params)
        return {"scale": tf.cast(self.stddev_of_data(), mean.dtype) + tf.zeros_like(mean)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "scale": self.scale}


def _log_scale(squared_error: Any) -> Any:
    """Return log sigma of the mean squared error, with a soft lower bound."""
    log_scale = 0.5 * tf.math.log(squared_error + TINY)
    return LOWEST_LOG_SCALE + tf.math.softplus(log_scale - LOWEST_LOG_SCALE)
