"""Categorical layers over one-hot vectors."""

from typing import Any

import keras
from tensorflow_probability import distributions as tfd

from kvae.contract import Domain
from kvae.layers.vector_layer import VectorLayer

__all__ = ["OneHotCategorical"]


@keras.saving.register_keras_serializable(package="kvae")
class OneHotCategorical(VectorLayer):
    """One of d classes, as a one-hot vector of length d: params are the d logits.

    log p(x) = sum_i x_i log softmax(l)_i, in nats. The mean is the vector of probabilities.

    Args:
        event_size: int d, the number of classes.
        convert_to_tensor_fn: see `DistributionLayer`; "logits" and "probs" as well.
        sample_dtype: dtype of the samples; by default that of the parameters.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> layer = kvae.layers.OneHotCategorical(4)
        >>> layer.params_shape
        (4,)
        >>> layer.distribution(tf.zeros((1, 4))).mean().numpy()
        array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)

    References:
        `tfp.layers.OneHotCategorical` (tensorflow/probability), whose packing it shares.
    """

    reads_logits = True
    conversions = (*VectorLayer.conversions, "logits", "probs")
    density = False

    def __init__(
        self,
        event_size: Any,
        convert_to_tensor_fn: Any = "sample",
        sample_dtype: Any = None,
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_size, convert_to_tensor_fn, validate_args, **kwargs)
        self.domain = Domain(
            0.0,
            1.0,
            integer=True,
            hint="Encode classes by keras.ops.one_hot.",
            categories=self.event_size,
            one_hot=True,
        )
        self.sample_dtype = sample_dtype and keras.backend.standardize_dtype(sample_dtype)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.OneHotCategorical`."""
        return tfd.OneHotCategorical(
            params, dtype=self.sample_dtype or params.dtype, validate_args=self.validate_args
        )

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "logits":
            return distribution.logits_parameter()
        if name == "probs":
            return distribution.probs_parameter()
        return super().convert(distribution, name)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `logits`, (batch..., event_size)."""
        return {"logits": self.convert(self.distribution(params), "logits")}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "sample_dtype": self.sample_dtype}
