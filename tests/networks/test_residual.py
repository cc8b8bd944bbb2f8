"""Residual convolutional networks: any size of a picture, and blocks that begin at zero."""

import keras
import numpy as np
import pytest

from kvae.networks import residual_decoder, residual_encoder
from tests.helpers import assert_same_in_float32

SMALL = {"filters": (8, 16), "dense": 8}


@pytest.mark.parametrize("size", [(64, 64, 3), (45, 31, 3), (7, 1, 2), (1, 1, 1)])
def test_any_size_goes_in_and_comes_out(size):
    encoder, decoder = residual_encoder(size, 6, **SMALL), residual_decoder(3, size, **SMALL)
    assert encoder(np.zeros((2, *size))).shape == (2, 6)
    assert decoder(np.zeros((2, 3))).shape == (2, *size)


@pytest.mark.parametrize(
    ("size", "coarsest"), [((64, 64, 3), 8), ((128, 96, 3), 8), ((33, 20, 3), 5), ((4, 4, 1), 2)]
)
def test_by_default_the_longer_side_is_halved_to_eight_pixels(size, coarsest):
    convolutions = [
        layer
        for layer in residual_encoder(size, 6).layers
        if isinstance(layer, keras.layers.Conv2D) and layer.strides == (2, 2)
    ]
    assert convolutions[-1].output.shape[1] == coarsest
    assert [c.filters for c in convolutions] == [32, 64, 128, 128][: len(convolutions)]
    (grid,) = (x for x in residual_decoder(2, size).layers if isinstance(x, keras.layers.Reshape))
    assert grid.output.shape == convolutions[-1].output.shape


def test_blocks_begin_as_the_identity(rng):
    shallow = residual_encoder((9, 8, 2), 3, depth=1, **SMALL)
    deep = residual_encoder((9, 8, 2), 3, depth=3, **SMALL)
    names = {layer.name for layer in shallow.layers}
    assert sum("_block_" in x.name for x in deep.layers if x.name not in names) > 0
    for layer in deep.layers:
        if layer.name in names:
            layer.set_weights(shallow.get_layer(layer.name).get_weights())
    x = rng.normal(size=(2, 9, 8, 2))
    assert_same_in_float32(deep(x), shallow(x))


BAD = {
    "event_shape=(8, 8)": lambda: residual_encoder((8, 8), 4),
    "params_shape=(64,)": lambda: residual_decoder(2, 64),
    "params_size=0": lambda: residual_encoder((8, 8, 1), 0),
    "latent_dim=0": lambda: residual_decoder(0, (8, 8, 1)),
    "filters=0": lambda: residual_encoder((8, 8, 1), 4, filters=(0,)),
    "filters=()": lambda: residual_decoder(2, (8, 8, 1), filters=()),
    "depth=-1": lambda: residual_decoder(2, (8, 8, 1), depth=-1),
    "dense=1.5": lambda: residual_encoder((8, 8, 1), 4, dense=1.5),
}


@pytest.mark.parametrize("received", BAD)
def test_a_bad_size_is_named(received):
    with pytest.raises(ValueError, match="Expected") as caught:
        BAD[received]()
    assert f"Received: {received}" in str(caught.value)
