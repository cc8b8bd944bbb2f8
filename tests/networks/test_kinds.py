"""What holds for every kind of network, each listed once in `kinds.py`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.training.execution import xla_pays
from tests.helpers import assert_same_in_float32
from tests.networks.kinds import KINDS, PARAMS, make_vae, pair

every_kind = pytest.mark.parametrize("kind", KINDS)


def moved(network, rng):
    """Give every weight a value of its own: layers that begin at zero are in use then."""
    for weight in network.weights:
        weight.assign(np.asarray(weight) + rng.normal(0.0, 0.1, weight.shape))
    return network


def inputs_of(network, rng, batch=5):
    return [rng.normal(size=(batch, *x.shape[1:])).astype("float32") for x in network.inputs]


@every_kind
def test_shapes_and_finite_outputs(kind, rng):
    shape, encoder, decoder = pair(kind)
    assert encoder.output_shape == (None, PARAMS)
    assert decoder.output_shape == (None, *shape)
    for network in (encoder, decoder):
        for scale in (0.0, 1.0, 1e4):  # of a constant example there is no variance
            (x,) = inputs_of(network, rng, batch=1)
            assert np.all(np.isfinite(network(scale * x)))


@every_kind
def test_a_gradient_to_every_weight_and_from_every_input(kind, rng):
    for network in pair(kind)[1:]:
        moved(network, rng)
        x = tf.constant(inputs_of(network, rng)[0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x)
            total = tf.reduce_sum(y * rng.normal(size=y.shape))
        *gradients, input_gradient = tape.gradient(total, [*network.trainable_variables, x])
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
            assert gradient is not None, variable.path
            assert np.any(np.asarray(gradient) != 0.0), variable.path
        assert np.all(np.any(np.asarray(input_gradient) != 0.0, axis=0))


@every_kind
def test_an_example_does_not_depend_on_the_others_of_its_batch(kind, rng):
    for network in pair(kind)[1:]:
        moved(network, rng)
        (x,) = inputs_of(network, rng)
        for training in (True, False):
            alone = network(x[:1], training=training)
            assert_same_in_float32(network(x, training=training)[:1], alone)


@every_kind
def test_the_condition_is_a_second_input_that_matters(kind, rng):
    for network in pair(kind, condition_dim=3)[1:]:
        moved(network, rng)
        x, condition = inputs_of(network, rng)
        assert condition.shape == (5, 3)
        assert not np.allclose(network([x, condition]), network([x, condition + 1.0]))


@every_kind
def test_it_is_a_plain_keras_model(kind, tmp_path, rng):
    """It is saved and loaded without kvae's classes."""
    for network in pair(kind)[1:]:
        moved(network, rng)
        assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}
        path = tmp_path / f"{network.name}.keras"
        network.save(path)
        (x,) = inputs_of(network, rng)
        assert_same_in_float32(keras.saving.load_model(path)(x), network(x))


@every_kind
def test_names_do_not_depend_on_how_many_were_made_before(kind):
    paths = [[v.path for network in pair(kind)[1:] for v in network.weights] for _ in range(2)]
    assert paths[0] == paths[1]
    assert len(set(paths[0])) == len(paths[0])
    assert all(path.startswith(("encoder_", "decoder_")) for path in paths[0])


@every_kind
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_near_float32(kind, policy, rng):
    plain = [moved(network, rng) for network in pair(kind)[1:]]
    keras.config.set_dtype_policy(policy)
    try:
        mixed = pair(kind)[1:]
    finally:
        keras.config.set_dtype_policy("float32")
    for network, other in zip(plain, mixed, strict=True):
        other.set_weights(network.get_weights())
        assert all(variable.dtype == "float32" for variable in other.weights)
        (x,) = inputs_of(network, rng)
        expected = np.asarray(network(x))
        error = np.asarray(other(x), "float32") - expected
        assert np.sqrt(np.mean(error**2)) < 0.05 * expected.std()


@every_kind
def test_training_reduces_the_loss(kind, rng):
    vae = make_vae(kind)
    x = (rng.uniform(size=(64, *vae.input_specs()["x"].shape)) < 0.2).astype("float32")
    vae.compile(keras.optimizers.Adam(1e-2))
    losses = vae.fit(x, batch_size=32, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@every_kind
def test_xla_compiles_the_dense_ones_on_a_cpu(kind):
    assert xla_pays(make_vae(kind)) == (kind in ("residual_mlp", "gated", "gated_mlp"))


@every_kind
@pytest.mark.slow
def test_an_exported_file_computes_the_same(kind, tmp_path, rng):
    """In builtin operations of TFLite: nothing else converts."""
    vae = make_vae(kind)
    for network in (vae.encoder, vae.decoder):
        moved(network, rng)
    result = kvae.export.tflite(vae, tmp_path / "vae.tflite", signatures=["decode", "encode"])
    assert result.max_error < 1e-5
