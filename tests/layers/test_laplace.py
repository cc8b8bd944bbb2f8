import numpy as np
import pytest
from scipy import stats

import kvae
from tests.helpers import relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.IndependentLaplace(3)


def test_log_prob_is_that_of_laplaces_with_a_softplus_scale(layer, rng):
    params, x = rng.normal(size=(20, 6)), rng.normal(size=(20, 3))
    scale = np.log1p(np.exp(params[:, 3:]))
    expected = stats.laplace.logpdf(x, params[:, :3], scale).sum(axis=1)
    assert relative(layer.distribution(params).log_prob(x), expected) < 1e-9  # float64


def test_density_integrates_to_one():
    scalar = kvae.layers.IndependentLaplace(())
    grid = np.linspace(-30, 30, 60001)
    assert abs(properties.integral(scalar, [0.5, 0.3], grid) - 1) < 1e-3


def test_moments_match_draws(layer, rng):
    properties.assert_moments_match_draws(layer, rng.normal(size=(2, 6)))


def test_float32_agrees_with_float64(layer, rng):
    params, x = rng.normal(size=(20, 6)), rng.normal(size=(20, 3))
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(layer, rng):
    properties.assert_finite_at_extremes(layer, rng.normal(size=(4, 3)))


def test_draws_alike_in_graph_and_xla(layer, rng):
    properties.assert_draws_alike_in_graph_and_xla(layer, rng.normal(size=(2, 6)))
