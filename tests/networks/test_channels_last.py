"""Networks take the channels last, whatever the image data format that Keras is set to."""

import keras
import numpy as np
import pytest

from kvae import networks

PICTURE, SERIES = (9, 6, 2), (11, 3)
MAKE = {
    "conv_encoder": lambda: networks.conv_encoder(PICTURE, 4, filters=(3, 5), dense=8),
    "conv_decoder": lambda: networks.conv_decoder(2, PICTURE, filters=(5, 3), dense=8),
    "residual_encoder": lambda: networks.residual_encoder(PICTURE, 4, filters=(3, 5)),
    "residual_decoder": lambda: networks.residual_decoder(2, PICTURE, filters=(5, 3)),
    "grid_encoder": lambda: networks.grid_encoder(PICTURE, 3, filters=(3, 5)),
    "grid_decoder": lambda: networks.grid_decoder((3, 2, 3), PICTURE, filters=(5, 3)),
    "sequence_encoder": lambda: networks.sequence_encoder(SERIES, 4, filters=(3, 5)),
    "sequence_decoder": lambda: networks.sequence_decoder(2, SERIES, filters=(5, 3)),
    "mlp_encoder": lambda: networks.mlp_encoder(PICTURE, 4, (8,)),
    "residual_mlp_encoder": lambda: networks.residual_mlp_encoder(PICTURE, 4),
    "ladder_conv": lambda: networks.ladder_conv(PICTURE, [2, (5, 3, 2)], PICTURE, filters=4)[
        "encoder"
    ],
}


@pytest.fixture
def channels_first():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


@pytest.mark.parametrize("name", MAKE)
def test_a_network_computes_the_same_where_keras_has_channels_first(name, request):
    expected = MAKE[name]()
    request.getfixturevalue("channels_first")
    network = MAKE[name]()
    network.set_weights(expected.get_weights())
    x = np.random.default_rng(0).normal(size=(2, *expected.input_shape[1:])).astype("float32")
    for found, wanted in zip(
        keras.tree.flatten(network(x)), keras.tree.flatten(expected(x)), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
