"""Parameters outside their bounds: they return, and they do not run away."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.layers.scale import bounded
from tests.helpers import raw_scale


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("raw", "upstream", "expected"),
    [
        (-2.0, 1.0, 0.0),  # descent leads further down
        (-2.0, -1.0, -1.0),  # descent leads back
        (0.5, 1.0, 1.0),
        (0.5, -1.0, -1.0),
        (2.0, 1.0, 1.0),
        (2.0, -1.0, 0.0),
        (-np.inf, -1.0, -1.0),
    ],
)
def test_only_a_gradient_that_leads_back_passes(raw, upstream, expected, jit_compile):
    @tf.function(jit_compile=jit_compile, autograph=False)
    def value_and_gradient(raw):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            value = bounded(raw, -1.0, 1.0)
        return value, tape.gradient(value, raw, output_gradients=tf.constant([upstream]))

    value, gradient = value_and_gradient(tf.constant([raw]))
    np.testing.assert_array_equal(value, [np.clip(np.float32(raw), -1.0, 1.0)])
    np.testing.assert_array_equal(gradient, [expected])


@pytest.mark.parametrize(
    "layer",
    [
        kvae.layers.IndependentNormal(min_scale=0.1),
        kvae.layers.IndependentLaplace(min_scale=0.1),
        kvae.layers.IndependentLogistic(min_scale=0.1),
        kvae.layers.IndependentStudentT(min_scale=0.1, df=4.0),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_the_scale_of_exact_predictions_does_not_run_away(layer):
    """They ask for a smaller scale at every step; one that deviates asks for a larger one."""
    params = keras.Variable([[0.0, 1.0]])
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build([params])

    def step(x):
        with tf.GradientTape() as tape:
            nll = -tf.reduce_mean(layer.distribution(params.value).log_prob([x]))
        optimizer.apply([tape.gradient(nll, params.value)], [params])
        return float(params.value[0, 1])

    lowest = min(step(0.0) for _ in range(200))
    bound = raw_scale(0.1)
    assert bound - 1.0 < lowest < bound
    params.assign([[0.0, lowest]])
    assert step(1.0) > lowest
