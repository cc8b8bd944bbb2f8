"""Positive scales against softplus in float64, in TensorFlow, under XLA and in TFLite."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kvae.layers.scale import positive_scale
from kvae.special_functions import builtin_only

RAW = np.concatenate([np.linspace(-87.0, 60.0, 5001), [0.0]]).astype("float32")


def by_series(raw):
    with builtin_only():
        return positive_scale(raw)


def softplus(raw):
    return np.logaddexp(0.0, raw.astype("float64"))


@pytest.mark.parametrize("scale", [positive_scale, by_series])
@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_every_digit_of_softplus_and_its_gradient(scale, how):
    """Graphs and XLA may reorder sums: 1 + u - 1 in place of the series loses all digits of u."""
    if how != "eager":
        scale = tf.function(scale, jit_compile=how == "xla")
    raw = tf.constant(RAW)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        found = scale(raw)
    np.testing.assert_allclose(found, softplus(RAW), rtol=1e-6)
    derivative = 1.0 / (1.0 + np.exp(-RAW.astype("float64")))
    np.testing.assert_allclose(tape.gradient(found, raw), derivative, rtol=1e-6)


@pytest.mark.parametrize("min_scale", [1e-3, 0.25])
def test_the_scale_is_tfps_above_its_bound_and_the_bound_below(min_scale):
    raw = tf.constant(RAW)
    expected = np.maximum(softplus(RAW), min_scale)
    np.testing.assert_allclose(positive_scale(raw, min_scale), expected, rtol=1e-6)
    with builtin_only():
        np.testing.assert_allclose(positive_scale(raw, min_scale), expected, rtol=1e-6)


def test_the_gradient_at_the_bound_does_not_vanish_where_it_leads_back():
    raw = tf.constant([-1e4, -50.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(raw)
        log_scale = tf.math.log(positive_scale(raw, min_scale=0.01))
        for_larger_scales = -log_scale
    np.testing.assert_allclose(tape.gradient(for_larger_scales, raw), -1.0, rtol=0.01)
    np.testing.assert_array_equal(tape.gradient(log_scale, raw), 0.0)


def test_tflite_keeps_the_digits_of_small_scales():
    """TFLite's own softplus is off by 0.3% at -11 and zero at -20; its exp by 4e-6 near -60."""
    traced = tf.function(by_series, [tf.TensorSpec(RAW.shape, name="raw")]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    run = Interpreter(model_content=converter.convert()).get_signature_runner()
    (found,) = run(raw=RAW).values()
    np.testing.assert_allclose(found, softplus(RAW), rtol=1e-5)
