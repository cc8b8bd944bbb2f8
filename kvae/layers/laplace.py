"""The Laplace layer: absolute errors instead of squared ones."""

from typing import Any

import keras
from tensorflow_probability import distributions as tfd

from kvae.layers.loc_scale_layer import LocScaleLayer

__all__ = ["IndependentLaplace"]


@keras.saving.register_keras_serializable(package="kvae")
class IndependentLaplace(LocScaleLayer):
    """Independent Laplaces, an event of any shape: params are the blocks [loc, raw scale].

    log p(x) = sum_i -|x_i - loc_i| / s_i - log(2 s_i) in nats, with
    s_i = max(softplus(raw_i), min_scale). The standard deviation is sqrt(2) s. The reconstruction
    is the median of the data, which is sharper than a normal's and less sensitive to outliers.

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the scale in the unit of the data, by default 0.001; see
            `IndependentNormal`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> likelihood = kvae.layers.IndependentLaplace((4, 4, 3))
        >>> likelihood.params_shape
        (4, 4, 6)
        >>> kvae.layers.IndependentLaplace(2).distribution([[1.0, 2.0, 0.0, 0.0]]).mean().numpy()
        array([[1., 2.]], dtype=float32)
    """

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Laplace)`."""
        loc, raw_scale = self.blocks(params)
        laplace = tfd.Laplace(loc, self.bounded_scale(raw_scale), validate_args=self.validate_args)
        return tfd.Independent(laplace, len(self.event_shape))
