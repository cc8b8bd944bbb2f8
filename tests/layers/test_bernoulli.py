"""The Bernoulli layer's density, which kvae computes by itself, and its gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae

LOGITS = (-1e4, -90.0, -17.0, -1.0, -1e-6, 0.0, 1e-6, 0.5, 17.0, 90.0, 1e4)
VALUES = (0.0, 0.25, 1.0)


@pytest.fixture
def grid():
    logits, values = np.meshgrid(np.array(LOGITS), np.array(VALUES))
    return logits.reshape(-1, 1), values.reshape(-1, 1)


def test_density_and_gradient_are_those_of_the_closed_form(grid):
    """log p = x l - log(1 + exp(l)), whose derivative is x - 1 / (1 + exp(-l)), in float64."""
    logits, values = grid
    expected = (values * logits - np.logaddexp(0.0, logits))[:, 0]
    slope = values - 0.5 * (1.0 + np.tanh(logits / 2.0))
    params = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(params)
        found = kvae.layers.IndependentBernoulli(1).distribution(params).log_prob(values)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(tape.gradient(found, params), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("logit", "value", "expected"),
    [
        (np.inf, 1.0, 0.0),
        (np.inf, 0.0, -np.inf),
        (-np.inf, 0.0, 0.0),
        (-np.inf, 1.0, -np.inf),
    ],
)
def test_certain_pixels_are_certain(logit, value, expected):
    layer = kvae.layers.IndependentBernoulli(1)
    found = layer.distribution(tf.constant([[logit]], tf.float32)).log_prob([[value]])
    assert found.numpy().tolist() == [expected]


@keras.saving.register_keras_serializable(package="test_bernoulli")
def integer_bernoulli(params):
    return tfd.Independent(tfd.Bernoulli(logits=params), 1)


@pytest.mark.parametrize(
    "layer",
    [
        kvae.layers.IndependentBernoulli(2, sample_dtype="int32"),
        kvae.layers.IndependentBernoulli(2, sample_dtype="bool"),
        kvae.layers.DistributionLambda(integer_bernoulli, params_shape=2),
    ],
    ids=["int32", "bool", "function"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_grey_values_stay_probabilities_where_draws_are_integers(layer, dtype):
    logits, x = np.array([[2.0, -1.0]], dtype), np.array([[0.7, 0.3]], "float32")
    elements = x * logits - np.logaddexp(0.0, logits)
    found = layer.log_prob(logits, x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, elements.sum(axis=-1), rtol=1e-6)
    loss = kvae.losses.NegativeLogLikelihood(layer)
    np.testing.assert_allclose(loss(x, logits), -elements.sum(), rtol=1e-6)
    first = layer.log_prob(logits, [[0.7, np.nan]], observed=[[True, False]])
    np.testing.assert_allclose(first, elements[:, 0], rtol=1e-6)
