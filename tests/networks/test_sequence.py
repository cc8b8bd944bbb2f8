"""Networks for sequences."""

import numpy as np
import pytest
import tensorflow as tf

from kvae.networks import sequence_decoder, sequence_encoder

SMALL = {"filters": (4, 8), "units": 8}


@pytest.mark.parametrize("shape", [(16, 2), (11, 1), (3, 2), (1, 1)])
@pytest.mark.parametrize("kind", ["conv", "gru"])
def test_any_length_goes_in_and_comes_out(kind, shape):
    encoder = sequence_encoder(shape, 6, kind, **SMALL)
    decoder = sequence_decoder(3, shape, kind, **SMALL)
    assert encoder(np.zeros((2, *shape))).shape == (2, 6)
    assert decoder(np.zeros((2, 3))).shape == (2, *shape)


def test_a_gru_reads_from_both_ends(rng):
    """A step at either end reaches the parameters by one of the two directions at once."""
    encoder = sequence_encoder((9, 2), 4, "gru", **SMALL)
    x = tf.constant(rng.normal(size=(1, 9, 2)), tf.float32)
    outer = encoder.get_layer("encoder_forwards"), encoder.get_layer("encoder_backwards")
    strength = []
    for layer in outer:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x) ** 2)
        strength.append(np.abs(np.asarray(tape.gradient(total, x))).sum(axis=(0, 2)))
    forwards, backwards = strength
    assert forwards[-1] > forwards[0]
    assert backwards[0] > backwards[-1]


def test_steps_of_a_decoded_sequence_differ(rng):
    for kind in ("conv", "gru"):
        steps = np.asarray(sequence_decoder(3, (8, 2), kind, **SMALL)(rng.normal(size=(1, 3))))[0]
        assert np.all(np.abs(np.diff(steps, axis=0)).sum(axis=1) > 0.0)


BAD = {
    "event_shape=(8,)": lambda: sequence_encoder(8, 4),
    "event_shape=(8, 8, 1)": lambda: sequence_encoder((8, 8, 1), 4),
    "params_shape=(64,)": lambda: sequence_decoder(2, 64),
    "kind='lstm'": lambda: sequence_encoder((8, 1), 4, kind="lstm"),
    "filters=()": lambda: sequence_decoder(2, (8, 1), filters=()),
    "units=0": lambda: sequence_decoder(2, (8, 1), units=0),
}


@pytest.mark.parametrize("received", BAD)
def test_a_bad_argument_is_named(received):
    with pytest.raises(ValueError, match="Expected") as caught:
        BAD[received]()
    assert f"Received: {received}" in str(caught.value)
