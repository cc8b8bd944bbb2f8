"""Encoders and decoders for any size, of plain Keras layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.helpers import assert_same_in_float32

networks = kvae.networks

SIZES = [(28, 28, 1), (28, 20, 1), (7, 5, 3), (1, 1, 1), (9, 2, 2), (33, 1, 4)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_any_image_size_goes_in_and_comes_out(kind, size):
    encoder = getattr(networks, f"{kind}_encoder")(size, 6)
    decoder = getattr(networks, f"{kind}_decoder")(3, size)
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *size)
    assert encoder(np.zeros((2, *size))).shape == (2, 6)
    assert decoder(np.zeros((2, 3))).shape == (2, *size)


def test_flat_data_need_no_image():
    assert networks.mlp_encoder(5, 4).input_shape == (None, 5)
    assert networks.mlp_decoder(2, 5).output_shape == (None, 5)
    assert networks.mlp_decoder(2, (5,)).output_shape == (None, 5)


@pytest.mark.parametrize("size", [(28, 20, 1), (7, 5, 3)])
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_every_pixel_is_seen_and_every_pixel_is_made(kind, size, rng):
    """No row or column is lost to strides or cropping; tanh has no dead units."""
    encoder = getattr(networks, f"{kind}_encoder")(size, 6, activation="tanh")
    x = tf.constant(rng.normal(size=(1, *size)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(encoder(x) * tf.constant([1.0, 2.0, 3.0, -1.0, 5.0, -2.0]))
    assert np.all(np.asarray(tape.gradient(total, x)) != 0.0)

    decoder = getattr(networks, f"{kind}_decoder")(3, size, activation="tanh")
    pictures = np.asarray(decoder(rng.normal(size=(8, 3))))
    assert np.all(pictures.std(axis=0) > 0.0)


def test_layer_sizes_and_names_follow_the_arguments():
    encoder = networks.mlp_encoder(5, 4, hidden=(7, 3), activation="gelu", name="mine")
    assert encoder.name == "mine"
    dense = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [7, 3, 4]
    assert [layer.activation for layer in dense[:2]] == [keras.activations.gelu] * 2
    assert dense[-1].activation is keras.activations.linear, "parameters are not bounded"
    decoder = networks.conv_decoder(2, (8, 8, 1), filters=(5, 3), dense=11)
    convs = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert [layer.filters for layer in convs] == [5, 3]


def test_a_gated_layer_is_a_linear_one_times_a_sigmoid(rng):
    encoder = networks.mlp_encoder(5, 2, hidden=(3,), gated=True)
    weights = [np.array(layer.get_weights()[0]) for layer in encoder.layers if layer.weights]
    biases = {}
    for layer in encoder.layers:
        if layer.weights:
            biases[layer.name] = rng.normal(size=layer.bias.shape)
            layer.bias.assign(biases[layer.name])
    linear, gate, last = weights
    x = rng.normal(size=(7, 5))
    opened = 1.0 / (1.0 + np.exp(-(x @ gate + biases["encoder_gate_0"])))
    hidden = (x @ linear + biases["encoder_dense_0"]) * opened
    expected = (hidden @ last + biases["encoder_params"]).astype("float32")
    assert_same_in_float32(encoder(x), expected)


BAD = {
    "event_shape=(0, 3)": lambda: networks.mlp_encoder((0, 3), 4),
    "event_shape=(8, 8)": lambda: networks.conv_encoder((8, 8), 4),
    "event_shape=(8,)": lambda: networks.conv_encoder(8, 4),
    "params_shape=(64,)": lambda: networks.conv_decoder(2, 64),
    "params_size=0": lambda: networks.mlp_encoder(5, 0),
    "params_size=2.5": lambda: networks.conv_encoder((8, 8, 1), 2.5),
    "latent_dim=0": lambda: networks.mlp_decoder(0, 5),
    "hidden=-3": lambda: networks.mlp_encoder(5, 4, hidden=(8, -3)),
    "filters=0": lambda: networks.conv_encoder((8, 8, 1), 4, filters=(0,)),
    "filters=()": lambda: networks.conv_decoder(2, (8, 8, 1), filters=()),
    "dense=None": lambda: networks.conv_decoder(2, (8, 8, 1), dense=None),
}


@pytest.mark.parametrize("received", BAD)
def test_a_bad_size_is_named(received):
    with pytest.raises(ValueError, match="Expected") as caught:
        BAD[received]()
    assert f"Received: {received}" in str(caught.value)


def test_they_are_plain_keras_models(tmp_path):
    """Saved and loaded without kvae's classes."""
    decoder = networks.conv_decoder(2, (7, 5, 1), filters=(4,), dense=8)
    modules = {type(layer).__module__.split(".")[0] for layer in decoder.layers}
    assert modules == {"keras"}
    decoder.save(tmp_path / "decoder.keras")
    z = np.ones((3, 2))
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    assert_same_in_float32(loaded(z), decoder(z))
