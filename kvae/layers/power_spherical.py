"""The power spherical layer: a posterior on the unit sphere."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from kvae.layers.scale import bounded, positive_scale
from kvae.layers.vector_layer import VectorLayer
from kvae.special_functions import lgamma_excess, log1p

__all__ = ["PowerSpherical"]

CONCENTRATION_FLOOR = 1e-3
HIGHEST_RAW_CONCENTRATION = 1e4
# A direction shorter than this, squared, has no direction worth the name.
SHORTEST_SQUARED = 1e-12
# The density is zero opposite to u; float32 next to one keeps its logarithm finite.
FARTHEST = 1.0 - 2.0**-24


@keras.saving.register_keras_serializable(package="kvae")
class PowerSpherical(VectorLayer):
    """A power spherical distribution on the unit sphere in d dimensions: d + 1 params.

        log p(z) = k log(1 + u . z) - log C(k, d)    in nats per unit of area,    |z| = 1,

    around the direction u = params[:d] / |params[:d]| with concentration
    k = softplus(params[d]) + 0.001. It does what a von Mises-Fisher does, with draws that need no
    rejection and a KL to the uniform distribution in closed form (`kvae.priors.UniformSphere`).
    The mean, k / (d - 1 + k) u, lies inside the sphere; the mode is u.

    Args:
        event_size: int d, the number of dimensions of the space, at least 2.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `event_size` is below 2.

    Example:
        >>> posterior = kvae.layers.PowerSpherical(3)
        >>> posterior.params_shape
        (4,)
        >>> posterior.distribution([[0.0, 0.0, 2.0, 100.0]]).mode().numpy()
        array([[0., 0., 1.]], dtype=float32)

    References:
        De Cao, Aziz: The Power Spherical distribution, 2020, https://arxiv.org/abs/2006.04437
    """

    def __init__(
        self,
        event_size: Any,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_size, convert_to_tensor_fn, validate_args, **kwargs)
        if self.event_size < 2:
            raise ValueError(
                "Expected event_size to be at least 2: a sphere in one dimension is two points. "
                f"Received: {event_size=}"
            )

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return (self.event_size + 1,)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.PowerSpherical`."""
        direction, raw_concentration = tf.split(params, [self.event_size, 1], axis=-1)
        raw_concentration = bounded(raw_concentration[..., 0], high=HIGHEST_RAW_CONCENTRATION)
        return _PowerSpherical(
            _unit(direction),
            CONCENTRATION_FLOOR + positive_scale(raw_concentration),
            validate_args=self.validate_args,
        )

    def point(self, distribution: Any) -> Any:
        """Return the mean direction, shape (batch..., d): the mean lies inside the sphere."""
        return tf.identity(distribution.mean_direction)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `mean_direction`, (batch..., d), and `concentration`, (batch...)."""
        sphere = self.distribution(params)
        return {"mean_direction": sphere.mean_direction, "concentration": sphere.concentration}


class _PowerSpherical(tfp.distributions.PowerSpherical):
    """`tfd.PowerSpherical` with a density that keeps its digits, a mode and a variance.

    1 + u . z = 2 (1 - |z - u|^2 / 4): at the concentrations of a trained posterior z is near u, and
    the logarithm of the bracket has the digits that u . z has lost.
    """

    def _log_prob(self, z: Any) -> Any:
        k = tf.convert_to_tensor(self.concentration)
        half = (self.mean_direction.shape[-1] - 1) / 2
        apart = 0.25 * tf.reduce_sum(tf.square(z - self.mean_direction), axis=-1)
        # log Gamma(a + b) - log Gamma(a) with b = (d - 1) / 2 and a = b + k
        rising = half * tf.math.log(half + k)
        rising += lgamma_excess(half + k, tf.constant(half, k.dtype))
        log_area = 2.0 * half * math.log(2.0) + half * math.log(math.pi)
        return k * log1p(-tf.minimum(apart, FARTHEST)) + rising - log_area

    def _mode(self) -> Any:
        return tf.identity(self.mean_direction)

    def _variance(self) -> Any:
        # z = t u + sqrt(1 - t^2) v with v uniform on the sphere around u, t = 2 Beta(a, b) - 1.
        dimensions = self.mean_direction.shape[-1]
        k = self.concentration[..., tf.newaxis]
        b = (dimensions - 1) / 2
        a = b + k
        mean = (a - b) / (a + b)
        variance = 4.0 * a * b / (tf.square(a + b) * (a + b + 1.0))
        along = tf.square(self.mean_direction)
        across = (1.0 - variance - tf.square(mean)) / (dimensions - 1)
        return variance * along + across * (1.0 - along)

    def _stddev(self) -> Any:
        return tf.sqrt(self._variance())


def _unit(vector: Any) -> Any:
    """Return `vector` / |vector|; around zero, where there is none, the first axis.

    The gradient is finite everywhere and does not vanish at zero, so that a network which starts
    there gets away.
    """
    short = tf.reduce_sum(tf.square(vector), axis=-1, keepdims=True) < SHORTEST_SQUARED
    first_axis = tf.one_hot(0, vector.shape[-1], dtype=vector.dtype)
    vector = tf.where(short, vector + first_axis, vector)
    return vector * tf.math.rsqrt(tf.reduce_sum(tf.square(vector), axis=-1, keepdims=True))
