"""The scale that a decoder may change within limits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae


def test_the_scale_is_the_elements_own_times_a_bounded_factor(rng):
    layer = kvae.layers.ModulatedScale(strength=0.7, initial=0.5, min_scale=0.1)
    inputs = rng.normal(scale=20.0, size=(50, 6)).astype("float32")
    params = layer(tf.constant(inputs))
    layer.raw_scale.assign([-200.0, 0.0, 3.0])
    normal = kvae.layers.IndependentNormal(3).distribution(layer(tf.constant(inputs)))
    own = np.log1p(np.exp([-200.0, 0.0, 3.0])) + 0.1
    np.testing.assert_allclose(normal.mean(), inputs[:, :3])
    expected = own * np.exp(0.7 * np.tanh(inputs[:, 3:]))
    np.testing.assert_allclose(normal.stddev(), expected, rtol=1e-5)
    assert params.shape == layer.compute_output_shape((50, 6))


def test_it_begins_at_the_initial_scale():
    layer = kvae.layers.ModulatedScale(initial=0.3)
    params = layer(tf.zeros((1, 4, 6)))
    stddev = kvae.layers.IndependentNormal((4, 3)).distribution(params).stddev()
    np.testing.assert_allclose(stddev, np.full((1, 4, 3), 0.3), rtol=1e-5)


def test_config_makes_the_same_layer_again():
    layer = kvae.layers.ModulatedScale(0.5, initial=2.0, min_scale=0.2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.strength, again.initial, again.min_scale) == (0.5, 2.0, 0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"strength": 0.0}, "strength"), ({"initial": 0.05}, "larger than min_scale")],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        kvae.layers.ModulatedScale(**arguments)


def test_an_odd_number_of_outputs_is_refused():
    with pytest.raises(ValueError, match="2 C"):
        kvae.layers.ModulatedScale()(tf.zeros((1, 3)))


def test_only_the_pairs_at_places_are_changed(rng):
    """Params of [normal, three classes, normal]."""
    inputs = rng.normal(size=(5, 7)).astype("float32")
    layer = kvae.layers.ModulatedScale(places=[0, 5])
    params = layer(tf.constant(inputs)).numpy()
    pairs = kvae.layers.ModulatedScale()(tf.constant(inputs[:, [0, 5, 1, 6]])).numpy()
    np.testing.assert_array_equal(params[:, [0, 5, 1, 6]], pairs)
    np.testing.assert_array_equal(params[:, 2:5], inputs[:, 2:5])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.places == [0, 5]


@pytest.mark.parametrize("places", [[], [0, 1], [3, 0], [-1]])
def test_places_that_are_none_are_refused(places):
    with pytest.raises(ValueError, match="places"):
        kvae.layers.ModulatedScale(places=places)


def test_places_beyond_the_input_are_refused():
    with pytest.raises(ValueError, match="Expected an input whose last axis"):
        kvae.layers.ModulatedScale(places=[3])(tf.zeros((1, 4)))
