"""Positive scales from unbounded raw parameters, finite for every float32 input.

A likelihood whose scale may shrink without limit is unstable: where a value is predicted exactly
(a column that is mostly zero, a black border) the density grows without bound, and one row that
deviates then costs (deviation / scale)^2 / 2 nats. The layers with a learned scale therefore have
an argument `min_scale`, in the unit of the data. Its default suits data with a standard deviation
of about one.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.special_functions import softplus, softplus_inverse

__all__ = [
    "DEFAULT_MIN_SCALE",
    "STANDARDIZED_MIN_SCALE",
    "AtLeast",
    "bounded",
    "positive_scale",
    "raw_bound",
]

# Of a likelihood, in the unit of the data.
DEFAULT_MIN_SCALE = 1e-3
# Of a likelihood of numbers that are standardized inside the model, where nothing is known of the
# precision of the data: in standard deviations of a column.
STANDARDIZED_MIN_SCALE = 0.05
# softplus(-87) = 1.6e-38 is the smallest scale that float32 still holds as a normal number: below
# it the KL is infinite and its gradient NaN, as in tfp.layers near raw = -90.
LOWEST_RAW_SCALE = -87.0


def bounded(raw: Any, low: float = -np.inf, high: float = np.inf) -> Any:
    """Clip `raw` to [low, high]; outside, only a gradient that leads back passes.

    Under gradient descent a parameter outside the interval returns where the loss asks for it, and
    stays where it is otherwise. With the gradient of the identity it would go on outwards without
    end wherever the optimum lies beyond the bound (the scale of a column that is predicted exactly)
    and a network trained for long would leave the range of the other parameters; with that of the
    clipped value it could never return.

    References:
        `lower_bound` of tensorflow/compression, with gradient="identity_if_towards".
    """

    @tf.custom_gradient
    def clip(raw: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            outwards = ((raw < low) & (upstream > 0.0)) | ((raw > high) & (upstream < 0.0))
            return tf.where(outwards, tf.zeros_like(upstream), upstream)

        return tf.clip_by_value(raw, low, high), gradient

    return clip(tf.convert_to_tensor(raw))


def positive_scale(raw: Any, min_scale: float = 0.0) -> Any:
    """Return max(softplus(raw), min_scale), TFP's scale with a lower bound.

    Below the bound the gradient is that of softplus at the bound if it leads back, see `bounded`.

    Args:
        raw: tensor of any shape.
        min_scale: lower bound, in the unit of the scale; 0 keeps the scale above the underflow of
            float32 only, at 1.6e-38.

    Returns:
        A tensor of the same shape.
    """
    return softplus(bounded(raw, low=raw_bound(min_scale)))


def raw_bound(min_scale: float) -> float:
    """Return the raw parameter at which the scale reaches `min_scale`, a number of at least 0."""
    return max(LOWEST_RAW_SCALE, softplus_inverse(min_scale)) if min_scale else LOWEST_RAW_SCALE


class AtLeast(keras.constraints.Constraint):
    """A weight constraint: the optimizer's updates stop at `low`."""

    def __init__(self, low: float):
        self.low = low

    def __call__(self, weight: Any) -> Any:
        """Return `weight`, at least `low`."""
        return keras.ops.maximum(weight, keras.ops.cast(self.low, weight.dtype))
