import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.special_functions import builtin_only
from tests.helpers import assert_same_in_float32, relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.ContinuousBernoulli(3)


def test_log_prob_is_that_of_an_exponential_cut_off_at_one(layer, rng):
    """exp(l x) l / (exp(l) - 1) is the same density, written without a sigmoid."""
    logits, x = 4.0 * rng.normal(size=(20, 3)), rng.uniform(size=(20, 3))
    expected = (logits * x + np.log(logits / np.expm1(logits))).sum(axis=1)
    assert relative(layer.distribution(logits).log_prob(x), expected) < 1e-9  # float64


@pytest.mark.parametrize("logit", [-30.0, -1e-3, 0.0, 1e-6, 0.3, 8.0, 200.0])
def test_density_integrates_to_one(logit):
    scalar = kvae.layers.ContinuousBernoulli(())
    assert abs(properties.integral(scalar, [logit], np.linspace(0, 1, 20001)) - 1) < 1e-3


def test_values_pass_smoothly_through_logit_zero(layer):
    """float32 against float64 where TFP changes over from a series to the formula."""
    logits = np.concatenate([-np.geomspace(1e-8, 2, 150), [0.0], np.geomspace(1e-8, 2, 149)])
    logits, x = logits.reshape(100, 3), np.full((100, 3), 0.25)
    single = layer.distribution(logits.astype("float32"))
    double = layer.distribution(logits)
    # Near |l| = 0.3 the formula loses the digits that 1 / l and 1 / (1 - exp(-l)) share.
    assert relative(single.mean(), double.mean()) < 3e-6
    assert relative(single.log_prob(x), double.log_prob(x)) < 3e-6


def test_far_logits_act_as_at_the_bound(layer):
    far = layer.distribution(tf.constant([[1e4, -1e4, 1e4]]))
    bound = layer.distribution(tf.constant([[1e3, -1e3, 1e3]]))
    x = [[1.0, 0.0, 0.5]]
    assert_same_in_float32(far.log_prob(x), bound.log_prob(x))
    np.testing.assert_allclose(far.mean(), [[0.999, 0.001, 0.999]], atol=1e-6)


def test_moments_match_draws(layer, rng):
    params = np.concatenate([4.0 * rng.normal(size=(3, 3)), np.zeros((1, 3))])
    properties.assert_moments_match_draws(layer, params)
    properties.assert_draws_alike_in_graph_and_xla(layer, params)


def test_float32_agrees_with_float64(layer, rng):
    params, x = rng.normal(size=(20, 3)), rng.uniform(size=(20, 3))
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(layer):
    x = [[0.0, 1.0, 0.5], [1.0, 0.0, 1e-7], [0.3, 0.6, 0.9], [0.0, 0.0, 0.0]]
    properties.assert_finite_at_extremes(layer, x)


def test_logits_are_a_conversion(rng):
    logits = rng.normal(size=(2, 3)).astype("float32")
    layer = kvae.layers.ContinuousBernoulli(3, convert_to_tensor_fn="logits")
    np.testing.assert_array_equal(layer(logits), logits)


@pytest.mark.parametrize("logit", [0.0, 1e-4, 0.3, 0.999, 1.001, 5.0, 60.0, 900.0])
def test_the_density_keeps_its_digits_at_any_logit(logit):
    """In TFLite the three exponentials of TFP's formula overflow above 88."""
    layer = kvae.layers.ContinuousBernoulli(())
    x = np.array([0.0, 0.25, 1.0], "float32")
    for sign in (1.0, -1.0):
        l64 = sign * np.float64(np.float32(logit))
        away = x if sign < 0 else 1.0 - x
        height = abs(l64)
        density = np.log(height / -np.expm1(-height)) if height else 0.0
        with builtin_only():
            found = layer.distribution(np.full((3, 1), l64, "float32")).log_prob(x)
        np.testing.assert_allclose(found, density - height * away, rtol=1e-6, atol=1e-7)
