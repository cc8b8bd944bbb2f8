"""The discretized logistic layer: pixels of 8 bits as what they are, one of 256 levels.

A density over pixels can be made as large as one likes by sitting on the levels; a probability
cannot. Its logarithm is what "bits per dimension" are about.
"""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.layers.distribution_layer import DistributionLayer, pixel_domain
from kvae.layers.scale import bounded, positive_scale
from kvae.special_functions import expm1, log1p, log_sigmoid

__all__ = ["DiscretizedLogistic", "QuantizedLogistic", "bits_per_dimension"]

# In levels. With it a pixel that is known costs 0.02 bits, not 0.
SCALE_FLOOR = 0.1
# A raw scale of 10, ten times the range of the data, already puts nearly all mass on the two ends.
HIGHEST_RAW_SCALE = 10.0


def bits_per_dimension(nats: Any, event_shape: Any) -> Any:
    """Return the bits that one element takes: nats / (number of elements * log 2).

    Args:
        nats: negative log-likelihood of an example under a discrete likelihood, in nats: a number
            or an array. Minus the ELBO gives an upper bound.
        event_shape: int or tuple of ints, the shape of one example.

    Returns:
        Bits for each element, a number or an array like `nats`.

    Example:
        >>> round(float(kvae.layers.bits_per_dimension(192 * np.log(256.0), (8, 8, 3))), 6)
        8.0

    References:
        Theis, van den Oord, Bethge: A note on the evaluation of generative models, 2016, section
        3.1, https://arxiv.org/abs/1511.01844
    """
    return nats / (math.prod(checks.event_shape(event_shape)) * math.log(2.0))


@keras.saving.register_keras_serializable(package="kvae")
class DiscretizedLogistic(DistributionLayer):
    """Logistics rounded to the levels of a pixel, any event shape: params [loc, raw scale].

    Data are levels k = 0, ..., K - 1 divided by K - 1, so 8-bit pixels divided by 255; what lies
    between two levels is taken as the nearer one. With the logistic cdf F of mean loc and scale s,

        P(k) = F((k + 1/2) / (K - 1)) - F((k - 1/2) / (K - 1)),

    where the lowest level reaches down to -infinity and the highest up to +infinity, so that the K
    probabilities sum to one. log P is in nats, never above 0; `bits_per_dimension` converts. loc is
    in the units of the data; s = softplus(raw) + 0.1 / (K - 1).

    "mean" is that of the logistic clipped to [0, 1], before rounding: it needs elementary functions
    only, and is within half a level of the mean of the levels, within 1/40 of a level where the
    scale is at least half a level.

    Args:
        event_shape: see `DistributionLayer`.
        levels: K, the number of levels, at least 2.
        convert_to_tensor_fn: "sample" or "mean"; see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `levels` is below 2.

    Example:
        >>> likelihood = kvae.layers.DiscretizedLogistic((8, 8, 3))
        >>> likelihood.params_shape
        (8, 8, 6)
        >>> pixel = kvae.layers.DiscretizedLogistic((), levels=4).distribution([0.5, -3.0])
        >>> probabilities = pixel.prob(np.arange(4) / 3)
        >>> print(f"{np.sum(probabilities):.4f}")
        1.0000

    References:
        Salimans, Karpathy, Chen, Kingma: PixelCNN++, 2017, section 2.1,
        https://arxiv.org/abs/1701.05517
    """

    params_per_element = 2
    conversions = ("sample", "mean")
    domain = pixel_domain()
    density = False

    def __init__(
        self,
        event_shape: Any = (),
        levels: int = 256,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.levels = check_levels(levels)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent` of logistics on levels."""
        loc, raw_scale = self.blocks(params)
        pixels = QuantizedLogistic.from_raw(loc, raw_scale, self.levels, self.validate_args)
        return tfd.Independent(pixels, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `loc` and `scale`, each (batch..., *event_shape), in units of the data."""
        pixels = self.distribution(params).distribution
        return {"loc": pixels.loc, "scale": pixels.scale}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "levels": self.levels}


class QuantizedLogistic(tfp.distributions.Distribution):
    """A logistic rounded to the multiples of 1 / (levels - 1) in [0, 1], mass beyond at the ends.

    The difference of two sigmoids, sigmoid(a) - sigmoid(b) with a - b = 1 / scale in levels, is
    sigmoid(a) sigmoid(-b) (1 - exp(b - a)): its logarithm is exact in the tails, for narrow and for
    wide bins alike, and needs no fallback.

    Args:
        loc: means in units of the data, shape (batch...).
        scale: scales in units of the data, positive.
        levels: int, the number of levels.
        validate_args: kept for TFP; there is nothing to check.
    """

    def __init__(self, loc: Any, scale: Any, levels: int, validate_args: bool = False):
        parameters = {"loc": loc, "scale": scale, "levels": levels, "validate_args": validate_args}
        self.loc = loc
        self.scale = scale
        self.levels = levels
        super().__init__(
            dtype=loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=True,
            parameters=parameters,
            name="QuantizedLogistic",
        )

    @classmethod
    def from_raw(cls, loc: Any, raw_scale: Any, levels: int, validate_args: bool) -> Any:
        """Return the distribution of unbounded parameters."""
        raw_scale = bounded(raw_scale, high=HIGHEST_RAW_SCALE)
        scale = positive_scale(raw_scale) + SCALE_FLOOR / (levels - 1)
        return cls(loc, scale, levels, validate_args)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: int | None = None) -> dict[str, Any]:
        return {"loc": tfp.util.ParameterProperties(), "scale": tfp.util.ParameterProperties()}

    def _event_shape(self) -> Any:
        return tf.TensorShape([])

    def _event_shape_tensor(self, loc: Any = None, scale: Any = None) -> Any:
        return tf.constant([], tf.int32)

    def _log_prob(self, value: Any) -> Any:
        top = self.levels - 1.0
        level = tf.round(value * top)
        width = 1.0 / (self.scale * top)  # of a bin, in scales
        upper = (level - self.loc * top + 0.5) * width
        lower = (level - self.loc * top - 0.5) * width
        below = tf.where(level < top, log_sigmoid(upper), 0.0)
        above = tf.where(level > 0.0, log_sigmoid(-lower), 0.0)
        inner = (level > 0.0) & (level < top)
        within = tf.where(inner, tf.math.log(-expm1(-width)), 0.0)
        outside = (level < 0.0) | (level > top)
        return tf.where(outside, -math.inf, below + above + within)

    def _sample_n(self, n: int, seed: Any = None) -> Any:
        top = self.levels - 1.0
        draw = tfd.Logistic(self.loc, self.scale).sample(n, seed=seed)
        return tf.round(tf.clip_by_value(draw, 0.0, 1.0) * top) / top

    def _mean(self) -> Any:
        # The integral of 1 - F over [0, 1], written so that nothing overflows.
        at_0 = log1p(tf.exp(-tf.abs(self.loc) / self.scale))
        at_1 = log1p(tf.exp(-tf.abs(self.loc - 1.0) / self.scale))
        return tf.clip_by_value(self.loc, 0.0, 1.0) + self.scale * (at_0 - at_1)


def check_levels(levels: Any) -> int:
    """Return `levels` as an int, or raise if it is below 2."""
    if checks.positive_int("levels", levels) < 2:
        raise ValueError(f"Expected levels to be at least 2. Received: {levels=}")
    return int(levels)
