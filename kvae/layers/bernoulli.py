"""Bernoulli layers: binary or grey pixels."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.distribution_layer import DistributionLayer, pixel_domain
from kvae.special_functions import log1p

__all__ = ["IndependentBernoulli"]


@keras.saving.register_keras_serializable(package="kvae")
class IndependentBernoulli(DistributionLayer):
    """Independent Bernoullis, an event of any shape: params are the logits.

    log p(x) = sum_i x_i log sigmoid(l_i) + (1 - x_i) log sigmoid(-l_i), in nats. Grey values in
    [0, 1] are taken as the probability of a one (the usual practice for pictures; then it is a
    cross-entropy and no longer a normalized density).

    Args:
        event_shape: int or tuple of ints, the shape of one example.
        convert_to_tensor_fn: see `DistributionLayer`; "logits" and "probs" as well.
        sample_dtype: dtype of the samples; by default that of the parameters.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> likelihood.params_shape
        (8, 8, 1)
        >>> float(likelihood.distribution(tf.zeros((8, 8, 1))).log_prob(tf.ones((8, 8, 1))))
        -44.36141967773437

    References:
        `tfp.layers.IndependentBernoulli` (tensorflow/probability), whose packing it shares.
    """

    reads_logits = True
    conversions = (*DistributionLayer.conversions, "logits", "probs")
    domain = pixel_domain()
    density = False

    def __init__(
        self,
        event_shape: Any = (),
        convert_to_tensor_fn: Any = "sample",
        sample_dtype: Any = None,
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.sample_dtype = sample_dtype and keras.backend.standardize_dtype(sample_dtype)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Bernoulli)`."""
        (logits,) = self.blocks(params)
        bernoulli = _Bernoulli(
            logits, dtype=self.sample_dtype or logits.dtype, validate_args=self.validate_args
        )
        return tfd.Independent(bernoulli, len(self.event_shape))

    def has_mass(self, x: Any) -> Any:
        """Return where `x` is 0 or 1, see `DistributionLayer.has_mass`."""
        x = tf.cast(x, tf.float32)  # booleans too
        return (x == 0.0) | (x == 1.0)

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "logits":
            return distribution.distribution.logits_parameter()
        if name == "probs":
            return distribution.distribution.probs_parameter()
        return super().convert(distribution, name)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `logits`, (batch..., *event_shape)."""
        return {"logits": self.convert(self.distribution(params), "logits")}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "sample_dtype": self.sample_dtype}


class _Bernoulli(tfd.Bernoulli):
    """`tfd.Bernoulli` of logits whose density takes one exponential and one logarithm a value.

    TFP's takes two of each, and the density of the pixels is what costs most in a dense VAE beside
    its matrix products.
    """

    def _log_prob(self, event: Any) -> Any:
        # -log p = relu(l) (1 - x) + relu(-l) x + log1p(exp(-|l|)): both large terms vanish where x
        # is right, so that no digits cancel, and `multiply_no_nan` stands infinite logits. `where`
        # and not tf.nn.relu, whose gradient and that of abs are both zero at l = 0.
        logits = tf.convert_to_tensor(self.logits)
        event = tf.cast(event, logits.dtype)
        positive = tf.where(logits >= 0.0, logits, tf.zeros_like(logits))
        negative = tf.where(logits >= 0.0, tf.zeros_like(logits), -logits)
        curved = log1p(tf.exp(-(positive + negative)))
        off = tf.math.multiply_no_nan(positive, 1.0 - event)
        return -(off + tf.math.multiply_no_nan(negative, event) + curved)
