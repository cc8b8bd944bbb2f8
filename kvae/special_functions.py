"""Special functions in two forms: TensorFlow's kernels, and operations that every TFLite has.

TFLite has no operation for the gamma function and its relatives, and writes log1p, expm1 and
softplus as log(1 + x), exp(x) - 1 and log(1 + exp(x)), which lose the digits of small results and
overflow above 88. Inside `builtin_only()` the functions below are made of additions, products,
divisions, exponentials, logarithms and selections alone, and their results are within 1e-6 of the
largest summand in float32. This takes several times as many operations; in training they use
TensorFlow's kernels.

Differences such as lgamma(x + n) - lgamma(x) have functions of their own, of one form: where x is
large, float32 does not resolve them.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
    "HALF_LOG_2_PI",
    "arcsinh",
    "builtin_only",
    "digamma_difference",
    "expm1",
    "is_builtin_only",
    "lbeta",
    "lgamma",
    "lgamma_excess",
    "log1p",
    "log1psquare",
    "log_sigmoid",
    "lower_triangular_solve",
    "one_hot",
    "softplus",
    "softplus_inverse",
]

# 1/3, 1/5, ... of artanh(s) / s in powers of s^2; the next term is 2e-8 of the whole at s = 1/3.
ARTANH = tuple(1.0 / n for n in range(3, 15, 2))
# 1/2!, 1/3!, ... of expm1(x) / x; the next term is 2e-9 of the whole at x = 1/2.
EXPM1 = tuple(1.0 / math.factorial(n) for n in range(2, 10))
# B_2n / (2 n (2 n - 1)) of Stirling's series for log Gamma(x), in powers of 1 / x^2, and
# B_2n / (2 n) of that for its derivative. https://dlmf.nist.gov/5.11. The first terms left out are
# 4e-9 at x = 3 and 6e-14 at x = 8.
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
STIRLING_DERIVATIVE = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
# The recurrence of Gamma moves smaller arguments up by SHIFT, where Stirling's series is exact.
SHIFT = 8
# lgamma(2 + u) / (u (1 + u)) on [-1, 1] in powers of u: its Chebyshev interpolation of degree 11,
# `chebyshev.cheb2poly(chebyshev.chebinterpolate(f, 11))` of numpy.polynomial, within 3e-8.
LGAMMA_NEAR_2 = (
    0.422784327,
    -0.100317298,
    0.0329655972,
    -0.012384473,
    0.00499179268,
    -0.00210490778,
    0.000943640607,
    -0.000419005834,
    0.000131388345,
    -5.90324005e-05,
    7.78713185e-05,
    -3.63155216e-05,
)

_builtin_only = contextvars.ContextVar("_builtin_only", default=False)


@contextlib.contextmanager
def builtin_only() -> Iterator[None]:
    """Make the functions of this module use TFLite's builtin operations in what is traced inside.

    Example:
        >>> from kvae.special_functions import builtin_only, softplus
        >>> with builtin_only():
        ...     scale = softplus(tf.constant(-11.0))
        >>> bool(abs(scale / softplus(tf.constant(-11.0)) - 1.0) < 1e-6)
        True
    """
    token = _builtin_only.set(True)
    try:
        yield
    finally:
        _builtin_only.reset(token)


def is_builtin_only() -> bool:
    """Return whether `builtin_only` is in effect."""
    return _builtin_only.get()


def arcsinh(x: Any) -> Any:
    """Return log(x + sqrt(1 + x^2)), with all digits of small x, also where x^2 overflows.

    Example:
        >>> from kvae.special_functions import arcsinh
        >>> arcsinh(tf.constant([-1.0, 1e-6, 1e30])).numpy().round(6)
        array([-8.813740e-01,  1.000000e-06,  6.977070e+01], dtype=float32)
    """
    size = tf.abs(x)
    large = size > (2.0**27 if x.dtype == tf.float64 else 4096.0)
    # Masked before, so that neither branch sends a NaN into the gradient of the other.
    safe = tf.where(large, tf.zeros_like(x), size)
    square = tf.square(safe)
    inner = log1p(safe + square / (1.0 + tf.sqrt(1.0 + square)))
    beyond = math.log(2.0) + tf.math.log(tf.where(large, size, tf.ones_like(x)))
    return tf.where(large, beyond, inner) * tf.sign(x)


def lgamma(x: Any) -> Any:
    """Return log Gamma(x) for x > 0, with the digits of its zeros at 1 and 2.

    Where built in: u (1 + u) P(u) with u = x - 2 on [1, 3), log Gamma(1 + x) - log x below, and
    Stirling's series above.
    """
    if not is_builtin_only():
        return tf.math.lgamma(x)
    below, near = x < 1.0, tf.where(x < 1.0, x - 1.0, x - 2.0)
    small = near * (1.0 + near) * _polynomial(near, LGAMMA_NEAR_2)
    # LiteRT's logarithm has no digits near 1.
    log = tf.where(x > 0.5, _log1p_series(near), tf.math.log(x))
    small -= tf.where(below, log, tf.zeros_like(log))
    large = tf.maximum(x, 3.0)
    # (x - 1/2) log x - x, written so that it is exact where log x is near 1.
    leading = (large - 0.5) * (tf.math.log(large) - 1.0) + (HALF_LOG_2_PI - 0.5)
    return tf.where(x < 3.0, small, leading + _stirling(large))


def lbeta(a: Any, b: Any) -> Any:
    """Return log B(a, b) = log Gamma(a) + log Gamma(b) - log Gamma(a + b) for a, b > 0."""
    if not is_builtin_only():
        return tfp.math.lbeta(a, b)
    low, high = tf.minimum(a, b), tf.maximum(a, b)
    small = lgamma(low) - low * tf.math.log(high) - lgamma_excess(high, low)
    # Stirling's formula of all three, in which the terms that cancel are left out.
    low, high = tf.maximum(low, float(SHIFT)), tf.maximum(high, float(SHIFT))
    large = low * tf.math.log(low / high) - (high + low - 0.5) * log1p(low / high)
    large += HALF_LOG_2_PI - 0.5 * tf.math.log(low)
    large += _stirling(low) + _stirling(high) - _stirling(low + high)
    return tf.where(tf.minimum(a, b) < SHIFT, small, large)


def lgamma_excess(x: Any, n: Any) -> Any:
    """Return log Gamma(x + n) - log Gamma(x) - n log x for 0 <= n <= x.

    It goes to n (n - 1) / (2 x) for large x, where a difference of two lgamma has lost all digits.

    Example:
        >>> from kvae.special_functions import lgamma_excess
        >>> print(f"{lgamma_excess(tf.constant(1e6), tf.constant(3.0)):.0e}")
        3e-06
    """
    y = tf.where(x < SHIFT, x + float(SHIFT), x)
    excess = (y + n - 0.5) * log1p(n / y) - n
    # The corrections are differences of smooth functions of 1 / x: no digits are lost that count.
    excess += _stirling(y + n) - _stirling(y)
    # Gamma(x + n) / Gamma(x) = Gamma(y + n) / Gamma(y) / the product of (x + n + i) / (x + i).
    ratio = 1.0 + n / x
    for i in range(1, SHIFT):
        ratio *= 1.0 + n / (x + float(i))
    below = n * tf.math.log(y / x) - tf.math.log(ratio)
    return excess + tf.where(x < SHIFT, below, tf.zeros_like(below))


def digamma_difference(x: Any, n: Any) -> Any:
    """Return digamma(x + n) - digamma(x) for x > 0 and n >= 0.

    It goes to n / x for large x, where a difference of two digammas has lost all digits.

    Example:
        >>> from kvae.special_functions import digamma_difference
        >>> print(f"{digamma_difference(tf.constant(1e6), tf.constant(3.0)):.0e}")
        3e-06
    """
    y = tf.where(x < SHIFT, x + float(SHIFT), x)
    difference = log1p(n / y) + 0.5 * n / (y * (y + n))
    difference += _stirling_derivative(y) - _stirling_derivative(y + n)
    below = n / (x * (x + n))
    for i in range(1, SHIFT):
        below += n / ((x + float(i)) * (x + n + float(i)))
    return difference + tf.where(x < SHIFT, below, tf.zeros_like(below))


def log1p(x: Any) -> Any:
    """Return log(1 + x) with all digits of small x, for x > -1."""
    if not is_builtin_only():
        return tf.math.log1p(x)

    # The derivative is written out here and below: that of the series is longer than the series,
    # in the file of a model that trains on a device. Weights become tensors before: a written
    # gradient does not reach a variable that is read inside.
    @tf.custom_gradient
    def function(x: Any) -> Any:
        value = tf.where((x < -0.5) | (x > 1.0), tf.math.log(1.0 + x), _log1p_series(x))
        return value, lambda upstream: upstream / (1.0 + x)

    return function(tf.convert_to_tensor(x))


def log1psquare(x: Any) -> Any:
    """Return log(1 + x^2), also where x^2 overflows."""
    large = tf.abs(x) > 4096.0  # 1 / x^2 is below the digits of float32
    if x.dtype == tf.float64:
        large = tf.abs(x) > 2.0**27
    # Masked before, so that neither branch sends a NaN into the gradient of the other.
    safe = tf.where(large, tf.zeros_like(x), x)
    beyond = tf.where(large, tf.abs(x), tf.ones_like(x))
    return tf.where(large, 2.0 * tf.math.log(beyond), log1p(tf.square(safe)))


def expm1(x: Any) -> Any:
    """Return exp(x) - 1 with all digits of small x."""
    if not is_builtin_only():
        return tf.math.expm1(x)

    @tf.custom_gradient
    def function(x: Any) -> Any:
        small = tf.clip_by_value(x, -0.5, 0.5)
        series = small * (1.0 + small * _polynomial(small, EXPM1))
        value = tf.where(tf.abs(x) > 0.5, tf.exp(x) - 1.0, series)
        return value, lambda upstream: upstream * tf.exp(x)

    return function(tf.convert_to_tensor(x))


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)) with all digits of small results."""
    if not is_builtin_only():
        return tf.math.softplus(x)

    @tf.custom_gradient
    def function(x: Any) -> Any:
        positive = tf.nn.relu(x)
        value = positive + _log1p_series(tf.exp(x - 2.0 * positive))
        return value, lambda upstream: upstream * tf.sigmoid(x)

    return function(tf.convert_to_tensor(x))


def softplus_inverse(scale: Any) -> Any:
    """Return the raw parameter with softplus(raw) = `scale`, for a positive number or an array.

    Example:
        >>> from kvae.special_functions import softplus_inverse
        >>> round(softplus_inverse(np.log(2.0)), 6)
        0.0
    """
    raw = scale + np.log(-np.expm1(-scale))
    return raw if np.ndim(raw) else float(raw)


def log_sigmoid(x: Any) -> Any:
    """Return log(1 / (1 + exp(-x))) with all digits of small results."""
    return -softplus(-x)


def one_hot(indices: Any, size: int) -> Any:
    """Return one-hot vectors (..., size) of whole numbers, float32; zeros where there is no such.

    Example:
        >>> from kvae.special_functions import one_hot
        >>> one_hot(tf.constant([1, -1]), 3).numpy()
        array([[0., 1., 0.],
               [0., 0., 0.]], dtype=float32)
    """
    if not is_builtin_only():
        return tf.one_hot(indices, size)
    # Not TFLite's ONE_HOT, which the converter makes of comparisons too: quantized to int8 its ones
    # and zeros are not those of its output's scale (ai-edge-quantizer 0.10, litert 2.3).
    # A selection between tensors of the result's shape stays one.
    equal = tf.equal(indices[..., None], tf.range(size, dtype=indices.dtype))
    return tf.where(equal, tf.ones(size), tf.zeros(size))


def lower_triangular_solve(matrix: Any, vector: Any) -> Any:
    """Return y with L y = x, by forward substitution in operations that TFLite has.

    Args:
        matrix: lower triangles L, (batch..., d, d).
        vector: x, (batch..., d); the batch axes broadcast.

    Returns:
        y, (batch..., d).

    Example:
        >>> from kvae.special_functions import lower_triangular_solve
        >>> lower_triangular_solve([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0]).numpy()
        array([1., 2.], dtype=float32)
    """
    matrix, vector = tf.convert_to_tensor(matrix), tf.convert_to_tensor(vector)
    found: list[Any] = []
    for i in range(vector.shape[-1]):
        known = vector[..., i : i + 1]
        if found:
            row = matrix[..., i, :i] * tf.concat(found, axis=-1)
            known -= tf.reduce_sum(row, axis=-1, keepdims=True)
        found.append(known / matrix[..., i, i : i + 1])
    return tf.concat(found, axis=-1)


def _log1p_series(x: Any) -> Any:
    """Return log(1 + x) = 2 artanh(x / (2 + x)) for x in [-1/2, 1].

    No term is the small difference of large ones, so that no compiler can lose digits by taking
    1 from 1 + x.
    """
    ratio = 1.0 / (1.0 + 0.5 * x)
    square = tf.square(0.5 * x * ratio)
    return x * ratio * (1.0 + square * _polynomial(square, ARTANH))


def _stirling(x: Any) -> Any:
    """Return log Gamma(x) less (x - 1/2) log x - x + 1/2 log(2 pi), for x of at least 3."""
    inverse = 1.0 / x
    return inverse * _polynomial(tf.square(inverse), STIRLING)


def _stirling_derivative(x: Any) -> Any:
    """Return log x - 1 / (2 x) less digamma(x), for x of at least 8."""
    square = tf.square(1.0 / x)
    return square * _polynomial(square, STIRLING_DERIVATIVE)


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Return c_0 + c_1 x + c_2 x^2 + ..., of two coefficients or more."""
    # The last one stays a number: a tensor of the shape of x would be a constant in the file.
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = coefficient + x * value
    return value
