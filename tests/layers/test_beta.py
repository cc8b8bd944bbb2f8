import numpy as np
import pytest
from scipy import stats

import kvae
from tests.helpers import relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.IndependentBeta(3)


def concentrations(raw):
    return np.log1p(np.exp(raw)) + 1e-2


def test_log_prob_is_that_of_betas_with_softplus_concentrations(layer, rng):
    params, x = 3.0 * rng.normal(size=(20, 6)), rng.uniform(size=(20, 3))
    a, b = concentrations(params[:, :3]), concentrations(params[:, 3:])
    expected = stats.beta.logpdf(x, a, b).sum(axis=1)
    assert relative(layer.distribution(params).log_prob(x), expected) < 1e-9  # float64


def test_density_integrates_to_one():
    scalar = kvae.layers.IndependentBeta(())
    assert abs(properties.integral(scalar, [2.0, 1.0], np.linspace(0, 1, 20001)) - 1) < 1e-3


def test_exact_zeros_and_ones_are_finite_and_near_their_neighbours(layer):
    ends = layer.distribution(np.ones((2, 6), "float32")).log_prob([[0.0] * 3, [1.0] * 3])
    near = layer.distribution(np.ones((2, 6), "float32")).log_prob([[1e-6] * 3, [1 - 1e-6] * 3])
    assert relative(ends, near) < 0.02  # the hair is 0.95e-6 long


@pytest.mark.slow
def test_moments_match_draws(layer, rng):
    params = rng.normal(size=(2, 6))
    properties.assert_moments_match_draws(layer, params)
    properties.assert_draws_alike_in_graph_and_xla(layer, params)


def test_lowest_concentrations_still_draw_numbers(layer):
    lowest = layer.distribution(np.full((2, 6), -1e4, "float32"))
    layer.domain.check(lowest.sample(1000, seed=[3, 4]).numpy(), "draws")


def test_float32_agrees_with_float64(layer, rng):
    params = rng.normal(size=(20, 6))
    x = rng.uniform(size=(20, 3)).astype("float32")
    x[0] = [0.0, 1.0, 0.5]
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(layer):
    x = [[0.0, 1.0, 0.5], [1.0, 0.0, 1e-7], [0.3, 0.6, 0.9], [0.0, 0.0, 0.0]]
    properties.assert_finite_at_extremes(layer, x)
