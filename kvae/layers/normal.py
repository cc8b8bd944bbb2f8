"""Gaussian layers: independent elements, a diagonal and a full covariance."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.from_normal import FromNormal
from kvae.layers.loc_scale_layer import LocScaleLayer
from kvae.layers.scale import positive_scale
from kvae.layers.vector_layer import VectorLayer
from kvae.special_functions import HALF_LOG_2_PI, is_builtin_only, lower_triangular_solve

__all__ = ["IndependentNormal", "MultivariateNormalDiag", "MultivariateNormalTriL", "Normal"]

TRIL_FLOOR = 1e-5  # TFP's


@keras.saving.register_keras_serializable(package="kvae")
class IndependentNormal(FromNormal, LocScaleLayer):
    """Independent normals, an event of any shape: params are the blocks [loc, raw scale].

    log p(x) = sum_i log N(x_i; loc_i, s_i) in nats, with s_i = max(softplus(raw_i), min_scale).

    Args:
        event_shape: see `DistributionLayer`.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the scale in the unit of the data, a number of at least 0. By
            default 0.001 in a likelihood, which suits data with a standard deviation of about
            one, and 0 in a posterior (a layer with an `activity_regularizer`). A likelihood
            without a bound is unstable where values can be predicted exactly: see
            `kvae.layers.scale`. With 0 the values are those of `tfp.layers` down to 1.6e-38.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `min_scale` is negative or not a number.

    Example:
        >>> layer = kvae.layers.IndependentNormal((4, 4, 3))
        >>> layer.params_shape
        (4, 4, 6)
        >>> kvae.layers.IndependentNormal.params_size(16)  # as in tfp.layers
        32

    References:
        `tfp.layers.IndependentNormal` (tensorflow/probability), whose packing it shares.
    """

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.Normal)`."""
        loc, raw_scale = self.blocks(params)
        normal = Normal(loc, self.bounded_scale(raw_scale), validate_args=self.validate_args)
        return tfd.Independent(normal, len(self.event_shape))

    def from_normal(self, distribution: Any, normal: Any) -> Any:
        """Return loc + scale * normal, see `DistributionLayer.from_normal`."""
        normal = tf.cast(normal, distribution.dtype)
        return distribution.distribution.loc + distribution.distribution.scale * normal


class Normal(tfd.Normal):
    """`tfd.Normal` whose density subtracts before it divides.

    TFP computes x / s - loc / s: at loc = 1e4 and s = 0.1 float32 loses 0.01 nats, and at the
    smallest scales both terms overflow.
    """

    def _log_prob(self, x: Any) -> Any:
        scale = tf.convert_to_tensor(self.scale)
        standardized = (x - self.loc) / scale
        log_normalization = tf.math.log(scale) + HALF_LOG_2_PI
        return -0.5 * tf.square(standardized) - log_normalization


@keras.saving.register_keras_serializable(package="kvae")
class MultivariateNormalDiag(FromNormal, VectorLayer):
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

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.MultivariateNormalDiag`."""
        loc, raw_scale = self.blocks(params)
        return tfd.MultivariateNormalDiag(
            loc, positive_scale(raw_scale), validate_args=self.validate_args
        )

    def from_normal(self, distribution: Any, normal: Any) -> Any:
        """Return loc + scale * normal, see `DistributionLayer.from_normal`."""
        normal = tf.cast(normal, distribution.dtype)
        return distribution.loc + distribution.scale.diag_part() * normal


@keras.saving.register_keras_serializable(package="kvae")
class MultivariateNormalTriL(FromNormal, VectorLayer):
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

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return (self.event_size + self.event_size * (self.event_size + 1) // 2,)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.MultivariateNormalTriL`."""
        loc, raw = tf.split(params, [self.event_size, params.shape[-1] - self.event_size], axis=-1)
        raw_matrix = _lower_triangular(raw, self.event_size)
        eye = tf.eye(self.event_size, dtype=params.dtype)
        diagonal = positive_scale(tf.reduce_sum(raw_matrix * eye, axis=-1)) + TRIL_FLOOR
        matrix = raw_matrix * (1.0 - eye) + diagonal[..., tf.newaxis] * eye
        return _MultivariateNormalTriL(loc, matrix, validate_args=self.validate_args)

    def from_normal(self, distribution: Any, normal: Any) -> Any:
        """Return loc + L normal, see `DistributionLayer.from_normal`."""
        matrix = tf.convert_to_tensor(distribution.parameters["scale_tril"])
        return distribution.loc + tf.linalg.matvec(matrix, tf.cast(normal, distribution.dtype))


class _MultivariateNormalTriL(tfd.MultivariateNormalTriL):
    """`tfd.MultivariateNormalTriL` in operations that TFLite has.

    TFP takes the variance from the diagonal of L L^T, which costs a matrix product, and the density
    from a matrix's diagonal and a triangular system. TFLite has no operation for any of these.
    """

    def _log_prob(self, x: Any) -> Any:
        if not is_builtin_only():
            return super()._log_prob(x)  # at its own draws TFP knows the noise without solving
        matrix = tf.convert_to_tensor(self.parameters["scale_tril"])  # (batch..., d, d)
        size: Any = matrix.shape[-1]
        standardized = lower_triangular_solve(matrix, x - self.loc)
        diagonal = tf.reduce_sum(matrix * tf.eye(size, dtype=matrix.dtype), axis=-1)
        log_normalization = tf.reduce_sum(tf.math.log(diagonal), axis=-1)
        log_normalization += size * HALF_LOG_2_PI
        return -0.5 * tf.reduce_sum(tf.square(standardized), axis=-1) - log_normalization

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
