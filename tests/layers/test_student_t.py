import numpy as np
import pytest
from scipy import stats

import kvae
from tests.helpers import relative
from tests.layers import properties


def softplus(raw):
    return np.log1p(np.exp(raw))


def test_learned_degrees_of_freedom_stay_above_two(rng):
    layer = kvae.layers.IndependentStudentT(3)
    params, x = rng.normal(size=(20, 9)), rng.normal(size=(20, 3))
    loc, scale, df = params[:, :3], softplus(params[:, 3:6]), softplus(params[:, 6:]) + 2.001
    expected = stats.t.logpdf(x, df, loc, scale).sum(axis=1)
    assert relative(layer.distribution(params).log_prob(x), expected) < 1e-9  # float64
    lowest = layer.distribution(np.full((1, 9), -1e4, "float32"))
    assert np.all(np.isfinite(lowest.stddev()))


def test_fixed_degrees_of_freedom(rng):
    layer = kvae.layers.IndependentStudentT(3, df=1.5)
    params, x = rng.normal(size=(20, 6)), rng.normal(size=(20, 3))
    expected = stats.t.logpdf(x, 1.5, params[:, :3], softplus(params[:, 3:])).sum(axis=1)
    assert relative(layer.distribution(params).log_prob(x), expected) < 1e-9


def test_many_degrees_of_freedom_are_a_normal(rng):
    params, x = rng.normal(size=(20, 6)), rng.normal(size=(20, 3))
    t = kvae.layers.IndependentStudentT(3, df=1e7).distribution(params).log_prob(x)
    normal = kvae.layers.IndependentNormal(3).distribution(params).log_prob(x)
    assert relative(t, normal) < 1e-4  # the difference is z^4 / (4 df)


def test_density_integrates_to_one():
    scalar = kvae.layers.IndependentStudentT(())
    grid = np.sinh(np.linspace(-8, 8, 20001))  # heavy tails
    assert abs(properties.integral(scalar, [0.5, 0.3, 0.0], grid) - 1) < 1e-3


def test_moments_match_draws(rng):
    layer = kvae.layers.IndependentStudentT(3, df=9.0)  # the fourth moment exists
    properties.assert_moments_match_draws(layer, rng.normal(size=(2, 6)))


@pytest.mark.parametrize("df", [None, 3.0])
def test_float32_agrees_with_float64(df, rng):
    layer = kvae.layers.IndependentStudentT(3, df=df)
    params, x = rng.normal(size=(20, layer.params_size)), rng.normal(size=(20, 3))
    properties.assert_float32_agrees_with_float64(layer, params, x)


@pytest.mark.parametrize("df", [None, 3.0])
def test_finite_at_extremes(df, rng):
    layer = kvae.layers.IndependentStudentT(3, df=df)
    properties.assert_finite_at_extremes(layer, rng.normal(size=(4, 3)))


def test_draws_alike_in_graph_and_xla(rng):
    layer = kvae.layers.IndependentStudentT(3)
    params = np.concatenate([rng.normal(size=(2, 6)), np.full((2, 3), 5.0)], axis=1)
    properties.assert_draws_alike_in_graph_and_xla(layer, params)


@pytest.mark.parametrize("df", [1.0, -2, "many", float("inf")])
def test_degrees_of_freedom_without_a_mean_are_refused(df):
    with pytest.raises(ValueError, match=r"Expected df .* above 1.* Received: df="):
        kvae.layers.IndependentStudentT(3, df=df)


@pytest.mark.parametrize("df", [1e4, 1e6, 1e8])
def test_many_degrees_of_freedom_keep_their_digits(df):
    layer = kvae.layers.IndependentStudentT((), df=df)
    x = np.array([0.0, 0.5, 3.0], "float32")
    found = layer.distribution(np.tile([[0.0, 0.54132485]], (3, 1)).astype("float32")).log_prob(x)
    np.testing.assert_allclose(found, stats.t.logpdf(x, df), rtol=1e-6)
