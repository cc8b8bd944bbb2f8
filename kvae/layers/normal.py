"""Gaussian layers: independent elements, a diagonal and a full covariance."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.scale import positive_scale
from kvae.layers.vector_layer import VectorLayer

__all__ = ["IndependentNormal", "MultivariateNormalDiag", "MultivariateNormalTriL"]

# At scales s below this one, x / s^2, which the gradient of x / s takes, leaves float32 for an x of
# a few thousand.
TINY_SCALE = 1e-15
TRIL_FLOOR = 1e-5  # TFP's


@keras.saving.register_keras_serializable(package="kvae")
class IndependentNormal(DistributionLayer):
    """Independent normals, an event of any shape: params are the blocks [loc, raw scale].

    log p(x) = sum_i log N(x_i; loc_i, softplus(raw_i)), in nats.

    Example:
        >>> layer = kvae.layers.IndependentNormal((4, 4, 3))
        >>> layer.params_shape
        (4, 4, 6)
        >>> kvae.layers.IndependentNormal.params_size(16)  # as in tfp.layers
        32

    References:
        `tfp.layers.IndependentNormal` (tensorflow/probability), whose packing and scale it shares.
    """

    params_per_element = 2
    same_draws_with_xla = True

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Normal)`."""
        loc, raw_scale = self.blocks(params)
        normal = _Normal(loc, positive_scale(raw_scale), validate_args=self.validate_args)
        return tfd.Independent(normal, len(self.event_shape))

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return loc + scale * noise, see `DistributionLayer.draw`."""
        noise = tf.cast(self.noise(distribution, seed, draws), distribution.dtype)
        return distribution.distribution.loc + distribution.distribution.scale * noise

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `loc` and `scale`, each (batch..., *event_shape)."""
        normal = self.distribution(params).distribution
        return {"loc": normal.loc, "scale": normal.scale}


class _Normal(tfd.Normal):
    """`tfd.Normal` with a density at the smallest scales as well.

    TFP takes the difference x / s - loc / s; where both leave float32 it is NaN, and its gradient
    is so earlier still. Measuring from loc instead of from zero helps; elsewhere nothing changes.
    """

    def _log_prob(self, x: Any) -> Any:
        origin = tf.where(self.scale < TINY_SCALE, self.loc, tf.zeros_like(self.loc))
        return tfd.Normal(self.loc - origin, self.scale).log_prob(x - origin)


@keras.saving.register_keras_serializable(package="kvae")
class MultivariateNormalDiag(VectorLayer):
    """A d-variate normal with diagonal covariance: params are the blocks [loc, raw scale].

    The usual posterior of a VAE. The packing and the scale, softplus(raw), are those of
    `IndependentNormal`, so the two exchange weights.

    Args:
        event_size: int d, the number of dimensions.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> posterior = kvae.layers.MultivariateNormalDiag(2)
        >>> posterior.params_size
        4
        >>> posterior.distribution(tf.zeros((1, 4))).mean().numpy()
        array([[0., 0.]], dtype=float32)

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, appendix C.2,
        https://arxiv.org/abs/1312.6114
    """

    params_per_element = 2
    same_draws_with_xla = True

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.MultivariateNormalDiag`."""
        loc, raw_scale = self.blocks(params)
        return tfd.MultivariateNormalDiag(
            loc, positive_scale(raw_scale), validate_args=self.validate_args
        )

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return loc + scale * noise, see `DistributionLayer.draw`."""
        noise = self.noise(distribution, seed, draws)
        return distribution.loc + distribution.scale.diag_part() * tf.cast(
            noise, distribution.dtype
        )


@keras.saving.register_keras_serializable(package="kvae")
class MultivariateNormalTriL(VectorLayer):
    """A d-variate normal with full covariance L L^T: params are d of loc, d (d + 1) / 2 of L.

    The diagonal of L is softplus(raw) + 1e-5, as in TFP, which is its floor.

    Args:
        event_size: int d, the number of dimensions.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Example:
        >>> kvae.layers.MultivariateNormalTriL(16).params_size
        152

    References:
        `tfp.layers.MultivariateNormalTriL` (tensorflow/probability), whose packing it shares.
    """

    same_draws_with_xla = True

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return (self.event_size + self.event_size * (self.event_size + 1) // 2,)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.MultivariateNormalTriL`."""
        loc, raw = tf.split(params, [self.event_size, params.shape[-1] - self.event_size], axis=-1)
        raw_matrix = _lower_triangular(raw, self.event_size)
        eye = tf.eye(self.event_size, dtype=params.dtype)
        diagonal = positive_scale(tf.reduce_sum(raw_matrix * eye, axis=-1), floor=TRIL_FLOOR)
        matrix = raw_matrix * (1.0 - eye) + diagonal[..., tf.newaxis] * eye
        return _MultivariateNormalTriL(loc, matrix, validate_args=self.validate_args)

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return loc + L noise, see `DistributionLayer.draw`."""
        noise = tf.cast(self.noise(distribution, seed, draws), distribution.dtype)
        matrix = tf.convert_to_tensor(distribution.parameters["scale_tril"])
        return distribution.loc + tf.linalg.matvec(matrix, noise)


class _MultivariateNormalTriL(tfd.MultivariateNormalTriL):
    """`tfd.MultivariateNormalTriL` whose variance is a sum of squares.

    TFP takes it from the diagonal of L L^T, which costs a matrix product and which TFLite has no
    operation for.
    """

    def _variance(self) -> Any:
        return tf.reduce_sum(tf.square(self.parameters["scale_tril"]), axis=-1)

    def _stddev(self) -> Any:
        return tf.sqrt(self._variance())


def _lower_triangular(vector: Any, size: int) -> Any:
    """Return `vector`, (batch..., size (size + 1) / 2), as lower triangles in TFP's order.

    The vector without its first `size` elements, followed by the whole vector backwards, has size
    squared elements: read by rows, its lower triangle is what `tfp.math.fill_triangular` fills.
    """
    square = tf.concat([vector[..., size:], tf.reverse(vector, axis=[-1])], axis=-1)
    square = tf.reshape(square, tf.concat([tf.shape(vector)[:-1], [size, size]], axis=0))
    return square * np.tri(size, dtype=vector.dtype.as_numpy_dtype)
