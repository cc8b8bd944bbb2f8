"""What holds for every distribution, whatever its formula: checks that the layers' tests share."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.helpers import relative

RAW_BOUND = 1e4


def integral(layer, params, grid):
    """Integral over `grid` of the density of a layer with scalar events, by the trapezoid rule."""
    density = np.exp(log_prob64(layer, params, grid))
    return float(np.sum((density[1:] + density[:-1]) / 2 * np.diff(grid)))


def total(layer, params, values):
    """Sum over `values` of the probability of a layer with scalar events."""
    return float(np.sum(np.exp(log_prob64(layer, params, values))))


def log_prob64(layer, params, values):
    """log p of scalar `values`, shape (n,), under one set of params, in float64."""
    params = tf.constant(np.asarray(params, "float64"))
    return layer.distribution(params).log_prob(np.asarray(values, "float64")).numpy()


def assert_float32_agrees_with_float64(layer, params, values, tolerance=1e-5):
    """log p, its gradient and the mean do not depend on the precision, as long as data do not."""
    said = [
        _score(layer, tf.constant(params, dtype), tf.constant(values, dtype))
        for dtype in (tf.float32, tf.float64)
    ]
    for single, double in zip(*said, strict=True):
        assert single.dtype == tf.float32
        assert double.dtype == tf.float64
        assert relative(single, double) < tolerance


def assert_finite_at_extremes(layer, values, examples=100):
    """log p, its gradient and the mean stay finite for raw params anywhere in [-1e4, 1e4]."""
    values = tf.constant(values, tf.float32)
    score = tf.function(lambda params: _score(layer, params, values), autograph=False)
    element = st.floats(-RAW_BOUND, RAW_BOUND, width=32)

    @settings(max_examples=examples, derandomize=True, deadline=None)
    @given(arrays(np.float32, (len(values), *layer.params_shape), elements=element))
    def check(params):
        for name, value in zip(("log_prob", "gradient", "mean"), score(params), strict=True):
            assert np.all(np.isfinite(value)), name

    check()


def assert_moments_match_draws(layer, params, *, variance=True, draws=20_000, errors=5.0):
    """Mean and variance lie within `errors` standard errors of those of 20,000 draws.

    With five standard errors a right layer fails once in a million.
    """
    distribution = layer.distribution(np.asarray(params, "float32"))
    sample = np.asarray(distribution.sample(draws, seed=[1, 2]), "float64")
    deviation = sample - sample.mean(axis=0)
    second, fourth = (deviation**2).mean(axis=0), (deviation**4).mean(axis=0)
    mean_error = np.sqrt(second / draws) + 1e-6  # float32
    assert np.all(np.abs(sample.mean(axis=0) - distribution.mean()) < errors * mean_error)
    if variance:
        variance_error = np.sqrt((fourth - second**2) / draws) + 1e-6
        assert np.all(np.abs(second - distribution.variance()) < errors * variance_error)


def assert_draws_alike_in_graph_and_xla(layer, params):
    """Draws compile, and their means over a large sample agree: the generators may differ."""
    params = tf.constant(params, tf.float32)
    stddev = layer.distribution(params).sample(4000, seed=[5, 6]).numpy().std(axis=0)

    def mean(params):
        return tf.reduce_mean(layer.distribution(params).sample(4000, seed=[5, 6]), axis=0)

    expected = mean(params)
    for jit_compile in (False, True):
        found = tf.function(mean, jit_compile=jit_compile, autograph=False)(params)
        # Two independent means differ by sqrt(2) standard errors.
        assert np.all(np.abs(found - expected) < 5 * np.sqrt(2 / 4000) * stddev + 1e-5)


def _score(layer, params, values):
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = layer.distribution(params).log_prob(values)
    return log_prob, tape.gradient(log_prob, params), layer.mean(params)
