"""`log_prob` with a mask, over every distribution layer."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from tests.conformance.case import LayerCase
from tests.conformance.cases import collect
from tests.helpers import relative

layers = kvae.layers
FLOAT32 = 1e-5

# Their elements depend on each other, or the layer holds a distribution without elements.
DEPENDENT = {
    "CategoricalMixtureOfOneHotCategorical",
    "InverseAutoregressiveFlow",
    "MixtureNormal",
    "MixtureSameFamily",
    "MultivariateNormalDiag",
    "MultivariateNormalTriL",
    "OneHotCategorical",
    "PowerSpherical",
}
every_layer = pytest.mark.parametrize("case", collect(LayerCase))


def independent(layer):
    return layer.event_shape == () or type(layer).__name__ not in DEPENDENT


@every_layer
def test_without_a_mask_it_is_that_of_the_distribution(case):
    layer, (params, values) = case.make(), case.arrays()
    layer.build((None, *layer.params_shape))
    expected = layer.distribution(params).log_prob(values)
    assert relative(layer.log_prob(params, values), expected) < FLOAT32


@every_layer
def test_a_mask_and_its_complement_add_up(case):
    layer, (params, values) = case.make(), case.arrays()
    observed = np.random.default_rng(3).uniform(size=values.shape) < 0.5
    if not independent(layer):
        with pytest.raises(ValueError, match=r"independent elements with observed.*Received"):
            layer.log_prob(params, values, observed)
        return
    total = layer.log_prob(params, values)
    parts = [layer.log_prob(params, values, mask) for mask in (observed, ~observed)]
    assert relative(parts[0] + parts[1], total) < FLOAT32
    assert relative(layer.log_prob(params, values, np.ones_like(observed)), total) < FLOAT32
    np.testing.assert_array_equal(
        layer.log_prob(params, values, np.zeros_like(observed)), np.zeros(len(values))
    )


@every_layer
def test_no_nan_of_a_masked_element_enters_value_or_gradient(case):
    layer, (params, values) = case.make(), case.arrays()
    if not independent(layer):
        pytest.skip("masks are refused")
    observed = np.random.default_rng(3).uniform(size=values.shape) < 0.5
    layer.build((None, *layer.params_shape))
    params = tf.constant(params)
    found = []
    for unknown in (0.0, np.nan, np.inf):
        x = np.where(observed, values, unknown).astype("float32")
        with tf.GradientTape() as tape:
            tape.watch(params)
            log_prob = layer.log_prob(params, x, observed)
        found.append((log_prob.numpy(), tape.gradient(log_prob, params).numpy()))
    for log_prob, gradient in found[1:]:
        assert np.all(np.isfinite(log_prob))
        assert np.all(np.isfinite(gradient))
        np.testing.assert_allclose(log_prob, found[0][0], rtol=1e-6)
        np.testing.assert_allclose(gradient, found[0][1], rtol=1e-6, atol=1e-7)
    unseen = ~observed.reshape(len(values), -1).any(axis=1)
    assert np.all(found[0][1][unseen] == 0.0)


def test_masked_normal_is_that_of_the_observed_elements(rng):
    params, x = rng.normal(size=(20, 6)), rng.normal(size=(20, 3))
    observed = rng.uniform(size=(20, 3)) < 0.5
    each = stats.norm.logpdf(x, params[:, :3], np.logaddexp(0.0, params[:, 3:]))
    found = layers.IndependentNormal(3).log_prob(params, x, observed)
    assert relative(found, np.where(observed, each, 0.0).sum(axis=1)) < 1e-9  # float64


def test_masked_parameters_at_the_extremes_keep_the_gradient_finite():
    layer = layers.IndependentNormal(2, min_scale=0.0)
    params = tf.constant([[1e4, 0.0, -1e4, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = layer.log_prob(params, [[np.nan, 0.5]], [[False, True]])
    assert np.isfinite(log_prob.numpy()).all()
    assert np.isfinite(tape.gradient(log_prob, params).numpy()).all()


def test_columns_are_masked_one_by_one(rng):
    columns = [
        layers.IndependentNormal((), name="height"),
        layers.IndependentCategorical((), 3, name="city"),
        layers.MixtureNormal(2, (), name="income"),
    ]
    layer = layers.Columns(columns)
    params = rng.normal(size=(5, layer.params_size)).astype("float32")
    x = np.array([[0.5, 2.0, np.nan]] * 5, "float32")
    found = layer.log_prob(params, x, np.array([[True, True, False]] * 5))
    expected = columns[0].log_prob(params[:, :2], x[:, 0])
    expected += columns[1].log_prob(params[:, 2:5], x[:, 1])
    assert relative(found, expected) < FLOAT32


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"Expected observed to have the shape.*Received"):
        layers.IndependentNormal(3).log_prob(np.zeros((2, 6)), np.zeros((2, 3)), [[True], [True]])
