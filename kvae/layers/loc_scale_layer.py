"""The base of likelihoods with a location and a scale for each element."""

from typing import Any

import tensorflow as tf

from kvae import checks
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.scale import DEFAULT_MIN_SCALE, positive_scale

__all__ = ["LocScaleLayer", "check_min_scale"]


class LocScaleLayer(DistributionLayer):
    """A distribution layer with independent elements of location loc and scale s.

    The scale is s = max(softplus(raw scale), min_scale).

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the scale in the unit of the data, a number of at least 0. By
            default 0.001 in a likelihood, which suits data with a standard deviation of about
            one, and 0 in a posterior (a layer with an `activity_regularizer`). With 0 the values
            are those of `tfp.layers` down to 1.6e-38.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `min_scale` is negative or not a number.
    """

    params_per_element = 2

    def __init__(
        self,
        event_shape: Any = (),
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        min_scale: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.min_scale = check_min_scale(min_scale)

    def bounded_scale(self, raw_scale: Any) -> Any:
        """Return the scale of a tensor of raw scales, of the same shape."""
        return positive_scale(raw_scale, self._lowest)

    @property
    def _lowest(self) -> float:
        if self.min_scale is not None:
            return self.min_scale
        # The KL keeps the scale of a posterior away from zero.
        return DEFAULT_MIN_SCALE if self.regularizer is None else 0.0

    def at_floor(self, params: Any) -> dict[str, Any]:
        """Return which scales are within a hundredth of `min_scale`, see `DistributionLayer`."""
        if not self._lowest:
            return {}
        return {"scale": self.distribution(params).distribution.scale <= 1.01 * self._lowest}

    def fill_value(self, elements: Any) -> Any:
        """Return loc, where the density and its gradient are finite for every parameter."""
        return tf.stop_gradient(elements.loc)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `loc` and `scale`, each (batch..., *event_shape)."""
        elements = self.distribution(params).distribution
        return {"loc": elements.loc, "scale": elements.scale}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "min_scale": self.min_scale}


def check_min_scale(value: Any) -> float | None:
    """Return the argument `min_scale`: None or a finite number of at least 0. Raise otherwise."""
    return None if value is None else checks.non_negative("min_scale", value)
