"""One battery over every regularizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.case import RegularizerCase
from tests.conformance.cases import collect
from tests.helpers import dtype_policy, graph_and_xla, relative
from tests.penalties import penalty

FLOAT32 = 1e-5  # the order of float32 additions

every_regularizer = pytest.mark.parametrize("case", collect(RegularizerCase))


def built(case, **kwargs):
    layer = case.layer(**kwargs)
    layer.build((None, *layer.params_shape))
    return layer


def drawn_penalty(layer, params, **kwargs):
    posterior = layer.distribution(params)
    z = posterior.sample(seed=[0, 7])
    return penalty(layer.regularizer, posterior, z, step=tf.constant(5, tf.int64), **kwargs)


@every_regularizer
def test_the_penalty_is_one_finite_number(case):
    value = drawn_penalty(built(case), case.arrays()[0])
    assert value.shape == ()
    assert value.dtype == tf.float32
    assert np.isfinite(value)


@every_regularizer
def test_the_penalty_is_the_mean_over_the_examples(case):
    """The penalty of a batch is that of its halves, averaged; sums over a batch are not."""
    if not case.batch_mean:
        pytest.skip("it looks at the batch as a whole")
    layer, (params, _) = built(case), case.arrays()
    posterior = layer.distribution(params)
    z = posterior.sample(seed=[0, 7])
    step = tf.constant(5, tf.int64)
    whole = penalty(layer.regularizer, posterior, z, step=step)
    halves = [
        penalty(layer.regularizer, layer.distribution(part), part_z, step=step)
        for part, part_z in zip(np.split(params, 2), tf.split(z, 2), strict=True)
    ]
    assert relative(np.mean(halves), whole) < FLOAT32


@every_regularizer
def test_an_example_of_weight_zero_counts_for_nothing(case):
    """Weights are relative to a batch mean: half the batch at 2, half at 0, is half the batch."""
    if not case.batch_mean:
        pytest.skip("it looks at the batch as a whole")
    layer, (params, _) = built(case), case.arrays()
    posterior = layer.distribution(params)
    z = posterior.sample(seed=[0, 7])
    step = tf.constant(5, tf.int64)
    half = len(params) // 2
    weight = np.repeat([2.0, 0.0], half)
    weighted = penalty(layer.regularizer, posterior, z, sample_weight=weight, step=step)
    alone = penalty(layer.regularizer, layer.distribution(params[:half]), z[:half], step=step)
    assert relative(weighted, alone) < FLOAT32


@every_regularizer
def test_a_finite_gradient_reaches_every_param_and_weight(case):
    layer, (params, _) = built(case), case.arrays()
    params = tf.constant(params)
    weights = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = drawn_penalty(layer, params)
    by_params, *by_weights = tape.gradient(value, [params, *weights])
    assert np.all(np.isfinite(by_params))
    assert np.all(np.abs(by_params).sum(axis=0) > 0)
    for weight, gradient in zip(weights, by_weights, strict=True):
        assert gradient is not None, weight.name
        assert np.all(np.isfinite(gradient)), weight.name


@every_regularizer
def test_its_layer_adds_it_to_the_losses_once(case):
    layer, (params, _) = case.layer(), case.arrays()
    value = layer(params)
    assert len(layer.losses) == 1
    expected = penalty(layer.regularizer, layer.distribution(params), value, step=layer.step())
    assert relative(layer.losses[0], expected) < FLOAT32
    layer(params)
    assert len(layer.losses) == 1


@every_regularizer
def test_config_makes_the_same_regularizer_again(case):
    layer, (params, _) = built(case), case.arrays()
    serialized = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    assert keras.saving.serialize_keras_object(again)["config"] == serialized["config"]
    again.build((None, *layer.params_shape))
    again.set_weights(layer.get_weights())
    assert relative(drawn_penalty(again, params), drawn_penalty(layer, params)) < FLOAT32


@every_regularizer
def test_eager_graph_and_xla_agree(case):
    layer, (params, values) = built(case), case.arrays()
    step = tf.constant(5, tf.int64)

    def score(params, values):
        return penalty(layer.regularizer, layer.distribution(params), values, step=step)

    eager = score(tf.constant(params), tf.constant(values))
    for mode, function in graph_and_xla(score).items():
        assert relative(function(tf.constant(params), tf.constant(values)), eager) < FLOAT32, mode


@every_regularizer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policies_still_compute_in_float32(case, policy):
    params, _ = case.arrays()
    with dtype_policy(policy):
        layer = case.layer()
        layer(tf.cast(params, layer.compute_dtype), training=True)
    (value,) = layer.losses
    assert value.dtype == tf.float32
    assert np.isfinite(value)


@every_regularizer
def test_it_prints_its_class_and_arguments(case):
    regularizer = case.make()
    assert repr(regularizer).startswith(type(regularizer).__name__ + "(")
