"""Positive scales from unbounded raw parameters, finite for every float32 input.

A likelihood whose scale may shrink without limit is unstable: where a value is predicted exactly
(a column that is mostly zero, a black border) the density grows without bound, and one row that
deviates then costs (deviation / scale)^2 / 2 nats. The layers with a learned scale therefore have
an argument `min_scale`, in the unit of the data. Its default suits data with a standard deviation
of about one.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = [
    "DEFAULT_MIN_SCALE",
    "AtLeast",
    "bounded",
    "positive_scale",
    "raw_bound",
    "softplus_inverse",
    "without_softplus",
]

# Of a likelihood, in the unit of the data.
DEFAULT_MIN_SCALE = 1e-3
# softplus(-87) = 1.6e-38 is the smallest scale that float32 still holds as a normal number: below
# it the KL is infinite and its gradient NaN, as in tfp.layers near raw = -90.
LOWEST_RAW_SCALE = -87.0
# From here on softplus(x) = x in float32. TFLite computes softplus as log(1 + exp(x)), which is
# infinite above 88: it must not see more.
LINEAR_RAW_SCALE = 30.0
# 1/3, 1/5, ... of artanh(s) / s in powers of s^2; the next term is 2e-8 of the whole at s = 1/3.
ARTANH = tuple(1.0 / n for n in range(3, 15, 2))

_without_softplus = contextvars.ContextVar("_without_softplus", default=False)


def bounded(raw: Any, low: float = -np.inf, high: float = np.inf) -> Any:
    """Clip `raw` to [low, high] with the gradient of the identity.

    The gradient passes unclipped, so that a parameter outside the interval can return to it.
    """
    # The bracket is exactly zero, so that the value is the clipped one to the last bit.
    return tf.stop_gradient(tf.clip_by_value(raw, low, high)) + (raw - tf.stop_gradient(raw))


def positive_scale(raw: Any, min_scale: float = 0.0) -> Any:
    """Return max(softplus(raw), min_scale), TFP's scale with a lower bound.

    The gradient at the bound is that of softplus at the bound; it does not vanish.

    Args:
        raw: tensor of any shape.
        min_scale: lower bound, in the unit of the scale; 0 keeps the scale above the underflow of
            float32 only, at 1.6e-38.

    Returns:
        A tensor of the same shape.
    """
    raw = bounded(raw, low=raw_bound(min_scale))
    if _without_softplus.get():
        return _softplus_by_series(raw)
    curved = tf.math.softplus(tf.minimum(raw, LINEAR_RAW_SCALE))
    return curved + tf.nn.relu(raw - LINEAR_RAW_SCALE)


def raw_bound(min_scale: float) -> float:
    """Return the raw parameter at which the scale reaches `min_scale`, a number of at least 0."""
    return max(LOWEST_RAW_SCALE, softplus_inverse(min_scale)) if min_scale else LOWEST_RAW_SCALE


def softplus_inverse(scale: float) -> float:
    """Return the raw parameter with softplus(raw) = `scale`, for a positive number `scale`."""
    return scale + math.log(-math.expm1(-scale))


class AtLeast(keras.constraints.Constraint):
    """A weight constraint: the optimizer's updates stop at `low`."""

    def __init__(self, low: float):
        self.low = low

    def __call__(self, weight: Any) -> Any:
        """Return `weight`, at least `low`."""
        return keras.ops.maximum(weight, keras.ops.cast(self.low, weight.dtype))


@contextlib.contextmanager
def without_softplus() -> Iterator[None]:
    """Make `positive_scale` avoid TensorFlow's softplus in everything that is traced inside.

    For graphs that become TFLite: there softplus is log(1 + exp(x)) as written, and 1 + 2e-5 keeps
    three digits of 2e-5: a density of scale 2e-5 would be off by 0.3%. The series keeps all digits,
    at four times the elementwise operations, which would slow training down.

    Example:
        >>> from kvae.layers.scale import positive_scale, without_softplus
        >>> with without_softplus():
        ...     scale = positive_scale(tf.constant(-11.0))
        >>> bool(abs(scale / positive_scale(tf.constant(-11.0)) - 1.0) < 1e-6)
        True
    """
    token = _without_softplus.set(True)
    try:
        yield
    finally:
        _without_softplus.reset(token)


def _softplus_by_series(x: Any) -> Any:
    """Return log(1 + exp(x)) = max(x, 0) + 2 artanh(u / (2 + u)) with u = exp(-|x|).

    No term is the small difference of large ones, so that no compiler can lose digits by taking
    1 from 1 + u.
    """
    positive = tf.nn.relu(x)
    u = tf.exp(x - 2.0 * positive)
    ratio = 1.0 / (1.0 + 0.5 * u)
    square = tf.square(0.5 * u * ratio)
    series = tf.zeros_like(square)
    for coefficient in reversed(ARTANH):
        series = square * (coefficient + series)
    return positive + u * ratio * (1.0 + series)
