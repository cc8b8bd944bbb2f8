"""KL divergences, in closed form and at points: the one place that holds their formulas."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.special_functions import digamma_difference, expm1, lgamma_excess

__all__ = [
    "check_supports",
    "has_independent_elements",
    "is_diagonal",
    "is_gaussian",
    "is_on_sphere",
    "kl_divergence",
    "kl_per_element",
    "log_prior",
    "log_ratio",
    "mean_over_draws",
    "normal_kl",
]


def check_supports(posterior: Any, prior: Any) -> None:
    """Raise a ValueError if one of them is a density on the sphere and the other one in space.

    Their KL is infinite, and the difference of such densities at draws is no estimate of any.

    Args:
        posterior: `tfd.Distribution`.
        prior: another one.
    """
    on_sphere = {is_on_sphere(posterior), is_on_sphere(prior)}
    if on_sphere == {True, False}:
        raise ValueError(
            "Expected posterior and prior on one space: kvae.layers.PowerSpherical with "
            "kvae.priors.UniformSphere, or a posterior over all vectors with a prior over these. "
            f"Received: {type(posterior).__name__} and {type(prior).__name__}"
        )


def is_on_sphere(distribution: Any) -> bool | None:
    """Return whether its density is one on the unit sphere; None where that is not known.

    Args:
        distribution: `tfd.Distribution`.

    Example:
        >>> from kvae.contract.closed_form import is_on_sphere
        >>> is_on_sphere(tfd.SphericalUniform(3))
        True
        >>> is_on_sphere(tfd.MultivariateNormalDiag(tf.zeros(3)))
        False
    """
    if isinstance(distribution, tfd.MixtureSameFamily):
        return is_on_sphere(distribution.components_distribution)
    if hasattr(distribution, "bijector"):  # TFP's are no instances of tfd.TransformedDistribution
        return None if is_on_sphere(distribution.distribution) else False
    if isinstance(distribution, tfd.PowerSpherical | tfd.VonMisesFisher | tfd.SphericalUniform):
        return True
    known = is_gaussian(distribution) or isinstance(distribution, tfd.Independent)
    return False if known else None


def kl_divergence(posterior: Any, prior: Any) -> Any | None:
    """Return KL(posterior || prior) in nats, shape (batch...), or None without a closed form.

    For a Gaussian with mean m and covariance L L^T against independent normals with means m' and
    standard deviations s', with r = diag(s')^-1 (m - m') and R = diag(s')^-1 L,

        KL = 1/2 sum_i (r_i^2 + exp(2 log R_ii) - 1 - 2 log R_ii) + 1/2 sum_{i>j} R_ij^2,

    computed so that it stays at or above zero where the posterior is nearly the prior. For a power
    spherical posterior with concentration k against the uniform distribution on the sphere in d
    dimensions, with b = (d - 1) / 2 and t = (1 + u . z) / 2, which is Beta(b + k, b) against
    Beta(b, b),

        KL = log B(b, b) - log B(b + k, b) - k (digamma(2 b + k) - digamma(b + k)).

    Other pairs are looked up in TFP's registry (`tfd.RegisterKL`).

    Args:
        posterior: `tfd.Distribution` of batch shape (batch...).
        prior: `tfd.Distribution` whose batch shape broadcasts with it.

    Raises:
        ValueError: See `check_supports`.

    Example:
        >>> from kvae.contract.closed_form import kl_divergence
        >>> q = tfd.MultivariateNormalDiag([[1.0, 0.0]], [[1.0, 1.0]])
        >>> kl_divergence(q, kvae.priors.StandardNormal(2).distribution()).numpy()
        array([0.5], dtype=float32)

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, appendix B,
        https://arxiv.org/abs/1312.6114;
        De Cao, Aziz: The Power Spherical distribution, 2020, https://arxiv.org/abs/2006.04437
    """
    check_supports(posterior, prior)
    elements = kl_per_element(posterior, prior)
    if elements is not None:
        return tf.reduce_sum(elements, axis=list(range(-len(posterior.event_shape), 0)))
    if isinstance(posterior, tfd.MultivariateNormalTriL) and is_diagonal(prior):
        loc, scale = (tf.cast(moment, posterior.dtype) for moment in _moments(prior))
        # From the parameter itself: TFLite cannot take a matrix's diagonal or triangle.
        matrix = tf.convert_to_tensor(posterior.parameters["scale_tril"])  # (B, d, d)
        size = matrix.shape[-1]
        diagonal = tf.reduce_sum(matrix * tf.eye(size, dtype=matrix.dtype), axis=-1)
        below = matrix * np.tri(size, k=-1, dtype=matrix.dtype.as_numpy_dtype)
        below = tf.reduce_sum(tf.square(below / scale[..., tf.newaxis]), axis=(-2, -1))
        along = normal_kl((posterior.loc - loc) / scale, diagonal / scale)
        return tf.reduce_sum(along, axis=-1) + 0.5 * below
    if isinstance(posterior, tfd.PowerSpherical) and isinstance(prior, tfd.SphericalUniform):
        k = posterior.concentration
        half = (posterior.event_shape[-1] - 1) / 2
        b = tf.constant(half, k.dtype)
        kl = b * tf.math.log(b + k) + lgamma_excess(b + k, b)
        kl += math.lgamma(half) - math.lgamma(2.0 * half) - k * digamma_difference(b + k, b)
        return tf.maximum(kl, 0.0)  # rounding, where the posterior is nearly uniform
    try:
        return tfd.kl_divergence(posterior, prior)
    except NotImplementedError:
        return None


def kl_per_element(posterior: Any, prior: Any) -> Any | None:
    """Return the KL of each latent dimension in nats, shape (batch..., *event_shape).

    None where the KL is no sum over dimensions in closed form, which independent normals have.

    Args:
        posterior: as for `kl_divergence`.
        prior: as for `kl_divergence`.
    """
    if not (is_diagonal(posterior) and is_diagonal(prior)):
        return None
    loc, scale = _moments(posterior)
    prior_loc, prior_scale = (tf.cast(moment, loc.dtype) for moment in _moments(prior))
    return normal_kl((loc - prior_loc) / prior_scale, scale / prior_scale)


def is_gaussian(distribution: Any) -> bool:
    """Return whether `distribution` is a normal, of whatever covariance."""
    return is_diagonal(distribution) or isinstance(distribution, tfd.MultivariateNormalTriL)


def has_independent_elements(distribution: Any) -> bool:
    """Return whether `distribution` is a `tfd.Independent` of single numbers."""
    independent = isinstance(distribution, tfd.Independent)
    return independent and len(distribution.distribution.event_shape) == 0


def is_diagonal(distribution: Any) -> bool:
    """Return whether `distribution` is made of independent normals."""
    if isinstance(distribution, tfd.Independent):
        return isinstance(distribution.distribution, tfd.Normal)
    return isinstance(distribution, tfd.MultivariateNormalDiag)


def _moments(distribution: Any) -> tuple[Any, Any]:
    """Return mean and standard deviation of independent normals, (batch..., *event_shape)."""
    if isinstance(distribution, tfd.Independent):
        normal = distribution.distribution
        return tf.convert_to_tensor(normal.loc), tf.convert_to_tensor(normal.scale)
    scale = distribution.scale.diag_part()
    loc = tf.zeros_like(scale) if distribution.loc is None else distribution.loc
    return tf.convert_to_tensor(loc), scale


def log_ratio(posterior: Any, prior: Any, points: Any) -> Any:
    """Return log q(z|x) - log p(z) in nats at each point: the KL's Monte Carlo estimate.

    Args:
        posterior: `tfd.Distribution` of batch shape (batch...).
        prior: `tfd.Distribution` whose batch shape broadcasts with it.
        points: shape (points..., batch..., *event_shape).

    Returns:
        Shape (points..., batch...).

    Raises:
        ValueError: See `check_supports`.
    """
    check_supports(posterior, prior)
    return posterior.log_prob(points) - log_prior(prior, points)


def log_prior(prior: Any, points: Any) -> Any:
    """Return log p(z) in nats at each point, in the dtype of the points.

    Priors are computed in float32 under every dtype policy, posteriors in float64 under that one.

    Args:
        prior: `tfd.Distribution`.
        points: shape (points..., batch..., *event_shape).
    """
    return tf.cast(prior.log_prob(tf.cast(points, prior.dtype)), points.dtype)


def mean_over_draws(values: Any, posterior: Any) -> Any:
    """Return the mean of values (points..., batch...) over the points, shape (batch...).

    Args:
        values: one for each point and each distribution of a batch.
        posterior: the `tfd.Distribution` of batch shape (batch...).
    """
    axes = len(values.shape) - len(posterior.batch_shape)
    return tf.reduce_mean(values, axis=list(range(axes)))


def normal_kl(loc: Any, scale: Any) -> Any:
    """Return KL(N(m, s^2) || N(0, 1)) in nats, elementwise and never below zero.

        KL = 1/2 (m^2 + exp(v) - 1 - v) with v = 2 log s

    Args:
        loc: means m.
        scale: standard deviations s, of a shape that broadcasts with the means.
    """
    if loc.shape != scale.shape:
        loc, scale = loc + tf.zeros_like(scale), scale + tf.zeros_like(loc)
    return _normal_kl_of_equal_shapes(loc, scale)


@tf.custom_gradient
def _normal_kl_of_equal_shapes(loc: Any, scale: Any) -> Any:
    """Return the KL and its gradient, m and (exp(v) - 1) / scale.

    Near v = 0 the difference expm1(v) - v cancels to a few last digits, of either sign; there its
    Taylor series is used. At |v| = 0.1 the first term left out is 4e-9 of the sum in float32 and
    5e-17 in float64.

    The gradient is written out, because TensorFlow would add up eight gradients of v, and the
    order in which it adds more than two depends on which of them is computed first: the weights of
    two runs with one seed would differ in the last bit.
    """
    v = 2.0 * tf.math.log(scale)
    orders = 10 if v.dtype == tf.float64 else 6
    series: Any = 1 / math.factorial(orders)
    for order in range(orders - 1, 1, -1):
        series = 1 / math.factorial(order) + v * series
    series *= v * v
    value = 0.5 * (loc * loc + tf.where(tf.abs(v) < 0.1, series, expm1(v) - v))

    def gradient(upstream: Any) -> tuple[Any, Any]:
        return upstream * loc, upstream * expm1(v) / scale

    return value, gradient
