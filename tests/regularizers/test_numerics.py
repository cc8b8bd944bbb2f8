"""The exact KL at its edges: nearly the prior, and raw parameters gone wild."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import kvae
from tests.penalties import exact_kl

tfd = tfp.distributions
LAYERS = [
    kvae.layers.MultivariateNormalDiag,
    kvae.layers.IndependentNormal,
    kvae.layers.MultivariateNormalTriL,
]
PRIOR = kvae.priors.StandardNormal(3)
every_layer = pytest.mark.parametrize("make", LAYERS, ids=lambda make: make.__name__)


@pytest.mark.parametrize("size", [1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1])
def test_posteriors_next_to_the_prior_have_no_negative_kl(rng, size):
    mean = (size * rng.normal(size=(100_000, 1))).astype("float32")
    stddev = np.exp(size * rng.normal(size=(100_000, 1))).astype("float32")
    prior = kvae.priors.StandardNormal(1)
    found = np.asarray(exact_kl(prior, tfd.MultivariateNormalDiag(mean, stddev)))
    assert found.min() >= 0.0
    wide, deep = mean.astype("float64")[:, 0], stddev.astype("float64")[:, 0]
    expected = 0.5 * wide**2 + 0.5 * (deep - 1.0) ** 2 + (deep - 1.0 - np.log1p(deep - 1.0))
    # A float32 logarithm near one is right to 6e-8 of its argument's distance from zero.
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-14)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_kl_is_smooth_where_the_series_takes_over(sign):
    """At |2 log s| = 0.1 both formulas meet: value and gradient have no step there."""
    scale = tf.constant(np.exp(sign * np.linspace(0.049, 0.051, 21))[:, None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(scale)
        value = exact_kl(
            kvae.priors.StandardNormal(1), tfd.MultivariateNormalDiag(tf.zeros_like(scale), scale)
        )
    gradient = tape.gradient(value, scale)
    exact = np.asarray(scale, "float64")
    # The gradient of expm1(v) - v cancels to float32's 6e-8 over 0.1; the series does better.
    np.testing.assert_allclose(value, (0.5 * (exact**2 - 1.0) - np.log(exact))[:, 0], rtol=3e-5)
    np.testing.assert_allclose(gradient, exact - 1.0 / exact, rtol=3e-6)


@every_layer
def test_raw_parameters_gone_wild_have_a_finite_kl_and_gradient(make):
    layer = make(3)
    score = _value_and_gradient(layer)

    @settings(max_examples=500, derandomize=True, deadline=None)
    @given(raw_parameters(layer))
    def check(params):
        value, gradient = score(tf.constant(params))
        assert np.all(np.isfinite(value))
        assert np.all(value >= 0.0)
        assert np.all(np.isfinite(gradient))

    check()


@every_layer
def test_float32_agrees_with_float64(make):
    layer = make(3)
    score = _value_and_gradient(layer)

    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(raw_parameters(layer))
    def check(params):
        (single,), _ = score(tf.constant(params))
        (double,), _ = score(tf.constant(params, tf.float64))
        assert float(single) == pytest.approx(float(double), rel=1e-5, abs=1e-5)

    check()


def raw_parameters(layer):
    elements = st.floats(-1e4, 1e4, width=32)
    return arrays("float32", (1, layer.params_size), elements=elements)


def _value_and_gradient(layer):
    def score(params):
        with tf.GradientTape() as tape:
            tape.watch(params)
            value = exact_kl(PRIOR, layer.distribution(params))
        return value, tape.gradient(value, params)

    return tf.function(score, autograph=False)
