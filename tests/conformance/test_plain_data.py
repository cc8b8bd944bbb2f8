"""One battery over everything that a saved model may hold: its config is plain data.

In our words what Keras' own tests ask of its layers, losses and regularizers, and of copies.
"""

import copy
import json
import pickle

import keras
import numpy as np
import pytest

from tests.conformance.case import (
    ConditionalPriorCase,
    ConditionCase,
    LayerCase,
    ModelCase,
    ObjectCase,
    PlainLayerCase,
    PriorCase,
    RegularizerCase,
)
from tests.conformance.cases import collect

EVERYTHING = collect(
    LayerCase,
    PriorCase,
    ConditionalPriorCase,
    ConditionCase,
    RegularizerCase,
    ModelCase,
    PlainLayerCase,
    ObjectCase,
)
PLAIN = bool | int | float | str | tuple | None


@pytest.mark.parametrize("case", EVERYTHING)
def test_the_config_is_plain_data_that_makes_an_equal_object(case):
    thing = case.make()
    config = thing.get_config()
    text = json.dumps(config)  # no live object in it
    again = type(thing).from_config(config)
    assert json.dumps(config) == text, "from_config changed its argument"
    assert_equal(again, thing)


@pytest.mark.parametrize("case", EVERYTHING)
def test_it_is_serialized_to_json_and_back(case):
    thing = case.make()
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(thing)))
    assert_equal(keras.saving.deserialize_keras_object(serialized, safe_mode=True), thing)


@pytest.mark.parametrize("case", EVERYTHING)
def test_two_objects_of_one_config_share_no_weights(case):
    thing = case.make()
    again = type(thing).from_config(thing.get_config())
    for one, other in ((thing, again), (thing, copy.deepcopy(thing))):
        shared = {id(weight) for weight in _weights(one)} & {id(w) for w in _weights(other)}
        assert not shared


@pytest.mark.parametrize("case", collect(RegularizerCase, ObjectCase))
@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_what_is_no_layer_is_copied_too(case, way):
    """Layers are copied in tests/layers/test_copies.py, with their weights."""
    thing = case.make()
    _weights(thing)  # builds what a regularizer holds
    again = copy.deepcopy(thing) if way == "deepcopy" else pickle.loads(pickle.dumps(thing))
    assert_equal(again, thing)
    for found, expected in zip(_weights(again), _weights(thing), strict=True):
        np.testing.assert_array_equal(found, expected)


def assert_equal(found, expected):
    """Assert that two objects have one class, one config and equal public attributes."""
    assert type(found) is type(expected)
    assert json.dumps(found.get_config()) == json.dumps(expected.get_config())
    assert set(dir(found)) == set(dir(expected))
    attributes = {
        name: value
        for name, value in vars(expected).items()
        if not name.startswith("_") and isinstance(value, PLAIN)
    }
    assert {name: getattr(found, name) for name in attributes} == attributes


def _weights(thing):
    """Return the weights of a layer or of the layers that something else holds."""
    if isinstance(thing, keras.layers.Layer):
        return thing.weights
    layers = getattr(thing, "layers", ())
    for layer in layers:
        if not layer.built:
            layer.build(None)
    return [weight for layer in layers for weight in layer.weights]
