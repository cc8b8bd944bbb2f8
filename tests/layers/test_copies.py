"""Layers, priors and networks can be copied and pickled."""

import copy
import pickle

import keras
import numpy as np
import pytest

import kvae
from tests.conformance.case import LayerCase, PriorCase
from tests.conformance.cases import collect

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda value: pickle.loads(pickle.dumps(value))}
every_way = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


@pytest.mark.parametrize("case", collect(LayerCase))
@every_way
def test_a_layer_is_copied_with_its_weights(case, make_copy):
    layer, (params, values) = case.layer(), case.arrays()
    layer.build((None, *layer.params_shape))
    again = make_copy(layer)
    assert type(again) is type(layer)
    assert again.name == layer.name
    expected = layer.distribution(params).log_prob(values)
    found = again.distribution(params).log_prob(values)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [each for each in collect(PriorCase) if not each.values[0].bind])
@every_way
def test_a_prior_is_copied_with_its_weights(case, make_copy):
    prior = case.make()
    prior.build()
    again = make_copy(prior)
    for found, expected in zip(again.get_weights(), prior.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    _, values = case.arrays()
    np.testing.assert_allclose(
        again.distribution().log_prob(values), prior.distribution().log_prob(values), rtol=1e-5
    )


@pytest.mark.parametrize(
    "network",
    [
        lambda: kvae.networks.mlp_encoder((8, 8, 1), 4, hidden=(8,)),
        lambda: kvae.networks.conv_decoder(2, (8, 8, 1), filters=(2,), dense=4),
        lambda: kvae.layers.LearnedScale(shared=False, initial=0.5),
    ],
    ids=["mlp", "conv", "learned scale"],
)
@every_way
def test_a_network_is_copied_with_its_weights(network, make_copy):
    network = network()
    if isinstance(network, kvae.layers.LearnedScale):
        network = keras.Sequential([keras.Input((3,)), network])
    again = make_copy(network)
    for found, expected in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
