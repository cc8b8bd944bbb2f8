"""The networks of a hierarchy."""

import re

import numpy as np
import pytest

from kvae.networks import ladder_conv, ladder_mlp


def shapes(networks):
    return [network.output_shape for network in networks]


def test_a_dense_ladder_has_the_shapes_of_its_layers():
    found = ladder_mlp((8, 8, 1), [2, 3, 4], (8, 8, 2), width=5, top_params_size=7)
    assert found["encoder"].output_shape == [(None, 7), (None, 5), (None, 5)]
    assert shapes(found["state_networks"]) == [(None, 5)] * 3
    assert shapes(found["prior_networks"]) == [(None, 6), (None, 8)]
    assert shapes(found["posterior_networks"]) == [(None, 6), (None, 8)]
    assert found["decoder"].output_shape == (None, 8, 8, 2)


@pytest.mark.parametrize(
    ("latent_shapes", "states"),
    [
        ([3, (2, 2, 1), (4, 3, 2)], [(2, 2), (4, 3), (4, 3)]),
        ([3, (7, 5, 1), (7, 5, 2)], [(7, 5), (7, 5), (7, 5)]),
        ([(1, 1, 3), (2, 2, 1), (7, 5, 2)], [(2, 2), (7, 5), (7, 5)]),
        ([(2, 2, 3), (2, 2, 1)], [(2, 2), (2, 2)]),
    ],
)
def test_a_convolutional_ladder_takes_any_sizes_that_halving_gives(latent_shapes, states):
    found = ladder_conv((7, 5, 3), latent_shapes, (7, 5, 6), filters=4)
    assert shapes(found["state_networks"]) == [(None, *size, 4) for size in states]
    below = latent_shapes[1:]
    expected = [(None, height, width, 2 * channels) for height, width, channels in below]
    assert shapes(found["prior_networks"]) == expected
    assert shapes(found["posterior_networks"]) == expected
    assert found["encoder"].output_shape[1:] == [(None, *shape[:2], 4) for shape in below]
    assert found["decoder"].input_shape == (None, *states[-1], 4)
    assert found["decoder"].output_shape == (None, 7, 5, 6)


@pytest.mark.parametrize(
    "networks",
    [ladder_mlp(6, [2, 3], 6, width=4), ladder_conv((4, 4, 1), [2, (2, 2, 1)], (4, 4, 1))],
    ids=["mlp", "conv"],
)
def test_priors_and_shifts_begin_as_zero_and_names_differ(networks, rng):
    for network in [*networks["prior_networks"], *networks["posterior_networks"]]:
        inputs = [
            rng.normal(size=(2, *each.shape[1:])).astype("float32") for each in network.inputs
        ]
        assert np.all(np.asarray(network(inputs if len(inputs) > 1 else inputs[0])) == 0.0)
    parts = [part for value in networks.values() for part in np.ravel(value)]
    paths = [weight.path for part in parts for weight in part.weights]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ladder_mlp(6, [2], 6), "latent_dims to hold at least two layers"),
        (lambda: ladder_mlp(6, [2, 0], 6), "latent_dims to be a positive integer"),
        (lambda: ladder_conv(6, [2, (3, 3, 1)], (6, 6, 1)), "event_shape to be (height"),
        (
            lambda: ladder_conv((6, 6, 1), [2, (4, 4, 1)], (6, 6, 1)),
            "size of 6 x 6, 3 x 3, 2 x 2",
        ),
        (lambda: ladder_conv((6, 6, 1), [(3, 3, 1), 2], (6, 6, 1)), "top layer alone an int"),
        (lambda: ladder_conv((6, 6, 1), [(6, 6, 1), (3, 3, 1)], (6, 6, 1)), "from coarse to fine"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
