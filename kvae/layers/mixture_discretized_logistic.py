"""The mixture of discretized logistics: pixels with several likely values."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.layers.discretized_logistic import QuantizedLogistic, check_levels
from kvae.layers.distribution_layer import DistributionLayer, pixel_domain

__all__ = ["MixtureDiscretizedLogistic"]


@keras.saving.register_keras_serializable(package="kvae")
class MixtureDiscretizedLogistic(DistributionLayer):
    """A mixture of M discretized logistics for each element of an event of any shape.

        log p(x) = sum_i log sum_m w_im P(x_i; loc_im, s_im)    in nats,    w_i = softmax(logits_i),

    with P, the scales, the data and the "mean" of `DiscretizedLogistic`. Params are 3 M blocks:
    M of logits, M of loc, M of raw scale. Elements are independent given the params; the linear
    dependence of green and blue on red that PixelCNN++ adds is left to the latent vector.

    Args:
        num_components: M, the number of logistics an element.
        event_shape: see `DistributionLayer`.
        levels: number of levels, at least 2; 8-bit pixels have 256.
        convert_to_tensor_fn: "sample" or "mean"; see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `num_components` is not positive or `levels` is below 2.

    Example:
        >>> likelihood = kvae.layers.MixtureDiscretizedLogistic(5, (8, 8, 3))
        >>> likelihood.params_shape
        (8, 8, 45)

    References:
        Salimans, Karpathy, Chen, Kingma: PixelCNN++, 2017, section 2.1,
        https://arxiv.org/abs/1701.05517
    """

    conversions = ("sample", "mean")
    domain = pixel_domain()
    density = False

    def __init__(
        self,
        num_components: int,
        event_shape: Any = (),
        levels: int = 256,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.num_components = checks.positive_int("num_components", num_components)
        self.levels = check_levels(levels)
        self.params_per_element = 3 * self.num_components

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.MixtureSameFamily)` of logistics on levels."""
        blocks = self.blocks(params)
        logits, loc, raw_scale = (
            tf.stack(blocks[start : start + self.num_components], axis=-1)  # (batch..., *event, M)
            for start in range(0, len(blocks), self.num_components)
        )
        mixture = tfd.MixtureSameFamily(
            tfd.Categorical(logits),
            QuantizedLogistic.from_raw(loc, raw_scale, self.levels, self.validate_args),
            validate_args=self.validate_args,
        )
        return tfd.Independent(mixture, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `mixture_logits` and the components' `loc` and `scale`.

        Each has shape (batch..., *event_shape, num_components).
        """
        mixture = self.distribution(params).distribution
        components = mixture.components_distribution
        return {
            "mixture_logits": mixture.mixture_distribution.logits_parameter(),
            "component_loc": components.loc,
            "component_scale": components.scale,
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        return {**config, "num_components": self.num_components, "levels": self.levels}
