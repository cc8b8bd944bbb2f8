"""Columns of one kind that share a layer: a row of blocks is the row of its columns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.helpers import relative

layers = kvae.layers
NAMES = ["height", "city", "width", "size", "age"]
PLACES = [[0, 2, 4], [1, 3]]
# Where the params of the columns one after the other stand among those of the blocks.
ORDER = [0, 3, 6, 8, 10, 1, 4, 7, 9, 11, 2, 5]


def blocks(**kwargs):
    standard = kvae.transforms.Standardization(mean=[1.0, 2.0, 3.0], stddev=[1.0, 4.0, 9.0])
    return layers.Columns(
        [
            layers.Transformed(layers.IndependentNormal(3), standard, name="numbers"),
            layers.IndependentCategorical(2, 3, name="classes"),
        ],
        places=PLACES,
        names=NAMES,
        **kwargs,
    )


def singles():
    columns, numbers = [], iter([(1.0, 1.0), (2.0, 4.0), (3.0, 9.0)])
    for place, name in enumerate(NAMES):
        if place in PLACES[1]:
            columns.append(layers.IndependentCategorical((), 3, name=name))
        else:
            standard = kvae.transforms.Standardization(*next(numbers))
            columns.append(layers.Transformed(layers.IndependentNormal(()), standard, name=name))
    return layers.Columns(columns)


@pytest.fixture
def data(rng):
    x = rng.normal(size=(50, 5))
    x[:, PLACES[1]] = rng.integers(3, size=(50, 2))
    return rng.normal(size=(50, 12)), x, rng.uniform(size=(50, 5)) < 0.7


def test_densities_are_those_of_the_columns(data):
    params, x, observed = data
    row, expected = blocks(), singles()
    own = params[:, ORDER]
    for mask in (None, observed):
        for name in ("log_prob", "element_log_prob"):
            found = getattr(row, name)(params, x, mask)
            assert relative(found, getattr(expected, name)(own, x, mask)) < 1e-12
        found = row.log_derivative(tf.constant(x), mask)
        assert relative(found, expected.log_derivative(tf.constant(x), mask)) < 1e-6
    assert relative(row.distribution(params).log_prob(x), expected.log_prob(own, x)) < 1e-12


def test_means_features_and_domain_are_those_of_the_columns(data):
    params, x, _ = data
    row, expected = blocks(), singles()
    assert row.domain == expected.domain
    assert relative(row.center(params), expected.center(params[:, ORDER])) < 1e-12
    weights = np.full((2, 50), 0.5)
    pair = np.stack([params, -params])
    found = row.weighted_center(pair, weights)
    assert relative(found, expected.weighted_center(pair[..., ORDER], weights)) < 1e-12
    assert relative(row.features(x), expected.features(x)) < 1e-6
    assert relative(row.neutral_value(), expected.neutral_value()) < 1e-6
    assert [place for place, _ in row.transforms()] == [PLACES[0]]


def test_draws_have_the_moments_of_the_columns(data):
    params = data[0][:1]
    row = blocks().distribution(params)
    draws = row.sample(20_000, seed=(0, 1)).numpy()[:, 0]
    assert draws.shape == (20_000, 5)
    assert set(np.unique(draws[:, PLACES[1]])) == {0.0, 1.0, 2.0}
    expected = blocks().named_parameters(params)
    loc, scale = (expected[f"numbers_{name}"].numpy()[0] for name in ("loc", "scale"))
    errors = (draws[:, PLACES[0]].mean(axis=0) - loc) / scale * np.sqrt(len(draws))
    assert np.abs(errors).max() < 4.5  # standard errors
    logits = expected["classes_logits"].numpy()[0]
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    found = np.mean(draws[:, PLACES[1], None] == np.arange(3), axis=0)
    np.testing.assert_allclose(found, shares, atol=4.5 * 0.5 / np.sqrt(len(draws)))


def test_a_configuration_makes_it_again(data):
    params, x, _ = data
    row = blocks()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(row))
    assert relative(again.log_prob(params, x), row.log_prob(params, x)) < 1e-12
    assert "places" not in singles().get_config()


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([[0, 1], [2]], ["a", "b", "c"]),  # not as many as the layers have
        ([[0], [0, 1]], ["a", "b", "c"]),
        ([[0], [1, 3]], ["a", "b", "c"]),
        ([[0], [1, 2]], ["a", "b"]),
        ([[0], [1, 2]], ["a", "b", "b"]),
        ([[0]], ["a"]),
    ],
)
def test_places_that_make_no_row_are_refused(places, names):
    columns = [layers.IndependentNormal(1, name="x"), layers.IndependentNormal(2, name="y")]
    with pytest.raises(ValueError, match="Expected places to hold each index of a row once"):
        layers.Columns(columns, places=places, names=names)


def test_columns_without_names_are_numbered_by_their_places():
    columns = [layers.IndependentNormal(2, name="x"), layers.IndependentBernoulli(1, name="y")]
    row = layers.Columns(columns, places=[[2, 0], [1]])
    names = [column["name"] for column in row.domain.describe()["columns"]]
    assert names == ["column_0", "column_1", "column_2"]


@pytest.mark.parametrize(
    "layer",
    [
        layers.OneHotCategorical(3),
        layers.Columns([layers.IndependentNormal(name=name) for name in "abc"]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_whose_elements_are_no_columns_of_their_own_is_refused(layer):
    columns = [layer, layers.IndependentNormal(1)]
    with pytest.raises(ValueError, match="elements are columns of their own"):
        layers.Columns(columns, places=[[0, 1, 2], [3]])


def test_a_block_of_dependent_elements_counts_as_a_whole(rng):
    columns = [layers.MixtureNormal(2, 2, name="pair"), layers.IndependentNormal(1, name="one")]
    row = layers.Columns(columns, places=[[0, 2], [1]])
    params, x = rng.normal(size=(5, row.params_size)), rng.normal(size=(5, 3))
    assert not row.has_independent_elements(params)
    expected = columns[0].log_prob(params[:, :10], x[:, [0, 2]])
    expected += columns[1].log_prob(params[:, 10:], x[:, [1]])
    assert relative(row.mean_log_prob(params, x), expected / 3.0) < 1e-12
    with pytest.raises(ValueError, match="independent elements with observed"):
        row.log_prob(params, x, observed=np.ones((5, 3), bool))
