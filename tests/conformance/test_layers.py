"""One battery over every distribution layer."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.case import LayerCase
from tests.conformance.cases import collect
from tests.helpers import assert_same_in_float32, dtype_policy, graph_and_xla, relative

# Eager, graph and XLA differ in the order of float32 additions only.
FLOAT32 = 1e-5

every_layer = pytest.mark.parametrize("case", collect(LayerCase))


@every_layer
def test_params_size_is_the_product_of_params_shape(case):
    layer = case.make()
    assert isinstance(layer.params_shape, tuple)
    assert type(layer.params_size) is int, "Dense refuses numpy.int32"
    assert layer.params_size == math.prod(layer.params_shape)
    if case.size_args is not None:
        assert type(layer).params_size(*case.size_args) == layer.params_size


@every_layer
def test_output_has_the_event_shape_for_any_batch(case):
    layer, (params, _) = case.make(), case.arrays()
    inputs = keras.Input(layer.params_shape)
    assert layer(inputs).shape == (None, *layer.event_shape)
    assert layer.compute_output_shape((None, *layer.params_shape)) == (None, *layer.event_shape)
    draw = tf.function(
        lambda batch: layer(batch, training=True),
        input_signature=[tf.TensorSpec((None, *layer.params_shape))],
    )
    for batch in (1, 5):
        assert draw(params[:batch]).shape == (batch, *layer.event_shape)
    assert layer(params, training=True).shape == (len(params), *layer.event_shape)


@every_layer
def test_events_and_batches_have_the_declared_shapes(case):
    layer, (params, values) = case.make(), case.arrays()
    distribution = layer.distribution(params)
    assert tuple(distribution.event_shape) == layer.event_shape == values.shape[1:]
    assert tuple(distribution.batch_shape) == (len(params),)
    assert distribution.log_prob(values).shape == (len(params),)


@every_layer
def test_flat_params_say_what_block_params_say(case):
    layer, (params, values) = case.make(), case.arrays()
    flat = params.reshape(len(params), -1)
    if len(layer.event_shape) > 1 and case.equal_blocks:
        blocks = np.split(params, layer.params_size // math.prod(layer.event_shape), axis=-1)
        flat = np.concatenate([block.reshape(len(params), -1) for block in blocks], axis=-1)
    expected = layer.distribution(params).log_prob(values)
    assert relative(layer.distribution(flat).log_prob(values), expected) < FLOAT32


@every_layer
def test_log_prob_sends_a_finite_gradient_to_every_param_and_weight(case):
    layer, (params, values) = case.make(), case.arrays()
    layer.build((None, *layer.params_shape))
    params = tf.constant(params)
    with tf.GradientTape() as tape:
        tape.watch(params)
        nll = -tf.reduce_mean(layer.distribution(params).log_prob(values))
    by_params, *by_weights = tape.gradient(nll, [params, *_values(layer.trainable_weights)])
    _assert_reached(by_params, "params", axis=0)
    for weight, gradient in zip(layer.trainable_weights, by_weights, strict=True):
        _assert_reached(gradient, weight.path)


@every_layer
def test_draws_carry_a_gradient_to_every_param(case):
    if not case.reparameterized:
        pytest.skip("its draws are discrete or not reparameterized")
    layer, (params, values) = case.make(seed=1), case.arrays()
    direction = np.random.default_rng(5).normal(size=values.shape)
    params = tf.constant(params)
    with tf.GradientTape() as tape:
        tape.watch(params)
        projection = tf.reduce_sum(tf.cast(direction, tf.float32) * layer(params, training=True))
    _assert_reached(tape.gradient(projection, params), "params", axis=0)


@every_layer
def test_draws_lie_in_the_domain(case):
    layer, (params, values) = case.make(), case.arrays()
    layer.domain.check(values, "values")
    layer.domain.check(layer.distribution(params).sample(50, seed=[1, 2]).numpy(), "draws")


@every_layer
def test_config_makes_the_same_layer_again(case):
    layer, (params, values) = case.layer(seed=3, dtype="float32"), case.arrays()
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    serialized = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    assert keras.saving.serialize_keras_object(again)["config"] == serialized["config"]
    for other in (layer, again):
        other.build((None, *layer.params_shape))
    again.set_weights(layer.get_weights())
    expected = layer.distribution(params).log_prob(values)
    assert_same_in_float32(again.distribution(params).log_prob(values), expected)


@every_layer
def test_same_seed_same_draw_and_another_seed_another(case):
    params, _ = case.arrays()
    draw = [np.asarray(case.make(seed=seed)(params, training=True)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


@every_layer
def test_training_draws_anew_each_time(case):
    params, _ = case.arrays()
    layer = case.make(seed=1)
    first, second = (np.asarray(layer(params, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


@every_layer
def test_outside_training_it_is_deterministic_if_told_so(case):
    if case.output is None:
        pytest.skip("it has draws only")
    layer, (params, _) = case.layer(), case.arrays()
    first, second = (np.asarray(layer(params)) for _ in range(2))
    assert_same_in_float32(first, second)
    expected = layer.convert(layer.distribution(params), case.output)
    assert_same_in_float32(first, expected)


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policies_still_compute_in_float32(case, policy):
    params, values = case.arrays()
    with dtype_policy(policy):
        layer = case.make()
        half = tf.cast(params, layer.compute_dtype)
        log_prob = layer.distribution(half).log_prob(values)
        draw = layer(half, training=True)
    assert log_prob.dtype == tf.float32
    assert np.all(np.isfinite(log_prob))
    assert draw.dtype == layer.compute_dtype
    assert np.all(np.isfinite(tf.cast(draw, tf.float32)))


@every_layer
def test_eager_graph_and_xla_agree(case):
    layer, (params, values) = case.layer(), case.arrays()
    layer.build((None, *layer.params_shape))

    def score(params, values):
        said = {"log_prob": layer.distribution(params).log_prob(values)}
        if case.output is not None:
            said["output"] = layer(params)
        return said

    eager = score(tf.constant(params), tf.constant(values))
    for mode, function in graph_and_xla(score).items():
        said = function(tf.constant(params), tf.constant(values))
        for name, expected in eager.items():
            assert relative(said[name], expected) < FLOAT32, (name, mode)


@every_layer
def test_it_prints(case):
    layer = case.make()
    assert repr(layer)
    assert repr(case.model())


def _values(weights):
    return [weight.value for weight in weights]


def _assert_reached(gradient, name, axis=None):
    assert gradient is not None, f"no gradient to {name}"
    gradient = np.asarray(gradient)
    assert np.all(np.isfinite(gradient)), f"a gradient to {name} is not finite"
    assert np.all(np.abs(gradient).sum(axis=axis) > 0), f"a gradient to {name} is always zero"
