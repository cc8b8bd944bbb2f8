"""Transposed convolutions by phases against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import kvae
from kvae.export.conversion.phases import PhasedConv2DTranspose, by_phases
from tests.helpers import relative


def randomized(network, rng):
    """Give a network weights of which none is zero, biases too."""
    network.set_weights([rng.normal(size=w.shape).astype("float32") for w in network.get_weights()])
    return network


def decoder(*layers, inputs=(4,)):
    return keras.Sequential([keras.Input(inputs), *layers])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_kernel_stride_padding_and_size(data):
    stride = data.draw(st.integers(2, 4), "stride")
    kernel = [data.draw(st.integers(stride, 7), "kernel") for _ in range(2)]
    sides = [data.draw(st.integers(1, 5), "side") for _ in range(2)]
    layer = keras.layers.Conv2DTranspose(
        3,
        kernel,
        strides=stride,
        padding=data.draw(st.sampled_from(["same", "valid"])),
        activation=data.draw(st.sampled_from([None, "relu", "softmax"])),
        use_bias=data.draw(st.booleans()),
    )
    rng = np.random.default_rng(0)
    network = randomized(decoder(layer, inputs=(*sides, 2)), rng)
    copy = by_phases(network)
    assert isinstance(copy.layers[-1], PhasedConv2DTranspose)
    x = rng.normal(size=(2, *sides, 2)).astype("float32")
    assert copy(x).shape == network(x).shape
    assert relative(copy(x), network(x)) < 1e-5


def test_a_network_is_copied_and_left_as_it_was(rng):
    inputs = keras.Input((4,))
    h = keras.layers.Reshape((3, 3, 2))(keras.layers.Dense(18, "relu")(inputs))
    wide = keras.layers.Conv2DTranspose(4, 3, 2, "same", activation="relu")(h)
    narrow = keras.layers.Conv2DTranspose(4, 4, 2, "same")(h)
    h = keras.layers.BatchNormalization()(keras.layers.Add()([wide, narrow]))
    network = randomized(keras.Model(inputs, h), rng)
    network.set_weights([abs(w) for w in network.get_weights()])  # a variance is positive
    before = network.get_weights()
    copy = by_phases(network)
    assert sum(isinstance(layer, PhasedConv2DTranspose) for layer in copy.layers) == 2
    z = rng.normal(size=(3, 4)).astype("float32")
    assert relative(copy(z), network(z)) < 1e-5
    assert copy.count_params() == network.count_params()
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


class Own(keras.layers.Layer):
    """A layer from elsewhere, whose copy by its configuration would be another one."""

    def call(self, x):
        return x


class OwnModel(keras.Sequential):
    """A model from elsewhere."""


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2DTranspose(2, 3, 1, "same"),
        keras.layers.Conv2DTranspose(2, 2, 3, "same"),  # phases without any weight
        keras.layers.Conv2DTranspose(2, 3, (2, 3), "same"),
        keras.layers.Conv2DTranspose(2, 3, 2, output_padding=1),
        keras.layers.Conv2DTranspose(2, 3, 1, dilation_rate=2),
        keras.layers.Conv2D(2, 3),
    ],
)
def test_other_convolutions_stay(layer):
    network = decoder(layer, inputs=(5, 5, 1))
    assert by_phases(network) is network


class OwnDense(keras.layers.Dense):
    """A layer from elsewhere that says it is Keras' own."""

    __module__ = "keras.layers"


def transposed():
    return keras.layers.Conv2DTranspose(2, 3, 2, "same")


@pytest.mark.parametrize(
    "other",
    [
        Own,
        lambda: OwnDense(2),
        lambda: keras.layers.TimeDistributed(Own()),
        lambda: keras.Sequential([Own()]),
        lambda: OwnModel([keras.layers.ReLU()]),
    ],
    ids=["layer", "named as Keras' own", "in a wrapper", "in a model", "model"],
)
def test_what_comes_from_elsewhere_stays(other):
    network = decoder(transposed(), other(), inputs=(5, 5, 1))
    assert by_phases(network) is network


def test_a_model_from_elsewhere_stays():
    network = OwnModel([keras.Input((5, 5, 1)), transposed()])
    assert by_phases(network) is network


def test_models_wrappers_and_layers_of_kvae_inside_are_copied(rng):
    layers = keras.layers
    network = decoder(
        layers.Reshape((2, 2, 1)),
        transposed(),
        keras.Sequential([layers.Conv2D(2, 3, padding="same"), layers.ReLU()]),
        layers.TimeDistributed(layers.Dense(2)),
        kvae.layers.LearnedScale(),
    )
    copy = by_phases(randomized(network, rng))
    assert isinstance(copy.layers[1], PhasedConv2DTranspose)
    z = rng.normal(size=(3, 4)).astype("float32")
    assert relative(copy(z), network(z)) < 1e-5


def test_a_copy_normalizes_by_what_its_source_was_adapted_to(rng):
    adapted = keras.layers.Normalization(invert=True)
    adapted.adapt(rng.normal(3.0, 2.0, size=(50, 11, 11, 2)))
    inside = keras.layers.Normalization()
    inside.adapt(rng.normal(7.0, 2.0, size=(50, 11, 11, 2)))
    network = decoder(transposed(), adapted, keras.Sequential([inside]), inputs=(5, 5, 1))
    copy = by_phases(network)
    assert isinstance(copy.layers[0], PhasedConv2DTranspose)
    x = rng.normal(size=(2, 5, 5, 1)).astype("float32")
    assert relative(copy(x), network(x)) < 1e-5


def test_a_network_with_a_lambda_stays():
    double = keras.layers.Lambda(lambda x: 2.0 * x)
    network = decoder(transposed(), keras.Sequential([double]), inputs=(5, 5, 1))
    assert by_phases(network) is network


def test_under_a_global_policy_of_mixed_precision_it_computes_in_float32(rng):
    layer = keras.layers.Conv2DTranspose(2, 3, 2, "same", dtype="float32")
    network = randomized(decoder(layer, inputs=(5, 5, 1)), rng)
    x = rng.normal(size=(2, 5, 5, 1)).astype("float32")
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        copy = by_phases(network)
    finally:
        keras.config.set_dtype_policy("float32")
    assert relative(copy(x), network(x)) < 1e-6


@pytest.mark.slow
def test_the_exported_file_has_no_transposed_convolution(conv_vae, tflite_result, capsys):
    layers = conv_vae.decoder.layers
    assert any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in layers)
    tf.lite.experimental.Analyzer.analyze(model_path=str(tflite_result.path))
    said = capsys.readouterr().out
    assert "DEPTH_TO_SPACE" in said
    assert "TRANSPOSE_CONV" not in said
