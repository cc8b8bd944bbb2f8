"""Mixtures of one-hot categoricals."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.categorical import OneHotCategorical
from kvae.layers.mixture import Mixture

__all__ = ["CategoricalMixtureOfOneHotCategorical"]


class _OneHotMixture(tfd.MixtureSameFamily):
    """`tfd.MixtureSameFamily` of one-hot categoricals, with the logarithm of its mean."""

    def log_mean(self) -> Any:
        """Return the log probabilities of the classes, shape (batch..., d)."""
        logits = self.mixture_distribution.logits_parameter()[..., None]  # (B, k, 1)
        component_logits = self.components_distribution.logits_parameter()  # (B, k, d)
        joint = tf.nn.log_softmax(logits, axis=-2) + tf.nn.log_softmax(component_logits)
        return tf.reduce_logsumexp(joint, axis=-2)


@keras.saving.register_keras_serializable(package="kvae")
class CategoricalMixtureOfOneHotCategorical(Mixture):
    """A mixture of k one-hot categoricals over d classes.

    Params are k logits, then k times d logits. The mean is the vector of the classes'
    probabilities, sum_j softmax(l)_j softmax(l_j).

    Args:
        event_size: int d, the number of classes.
        num_components: int k, the number of components.
        convert_to_tensor_fn: see `MixtureSameFamily`; "log_mean" as well, the log probabilities.
        sample_dtype: dtype of the samples; by default that of the parameters.
        validate_args: see `DistributionLayer`.
        **kwargs: see `MixtureSameFamily`.

    Example:
        >>> layer = kvae.layers.CategoricalMixtureOfOneHotCategorical(4, num_components=3)
        >>> layer.params_size
        15
        >>> layer.distribution(tf.zeros((1, 15))).mean().numpy()
        array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)

    References:
        `tfp.layers.CategoricalMixtureOfOneHotCategorical` (tensorflow/probability), whose packing
        it shares.
    """

    reads_logits = True
    conversions = (*Mixture.conversions, "log_mean")
    distribution_class = _OneHotMixture

    def __init__(
        self,
        event_size: int,
        num_components: int,
        convert_to_tensor_fn: Any = "sample",
        sample_dtype: Any = None,
        validate_args: bool = False,
        **kwargs: Any,
    ):
        # The components check nothing, so that the density can be taken between the corners.
        component = OneHotCategorical(event_size, sample_dtype=sample_dtype)
        super().__init__(num_components, component, convert_to_tensor_fn, validate_args, **kwargs)
        self.event_size = component.event_size

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        del config["event_shape"]
        sample_dtype = self.component_layer.sample_dtype
        return {**config, "event_size": self.event_size, "sample_dtype": sample_dtype}
