import math

import numpy as np
import pytest
from scipy.special import expit

import kvae
from tests.helpers import assert_same_in_float32, raw_scale, relative
from tests.layers import properties

TOP = 255


@pytest.fixture
def layer():
    return kvae.layers.DiscretizedLogistic((4, 3, 2))


def pixels(rng, *shape):
    return rng.integers(256, size=shape) / TOP


def probabilities(loc, scale, levels):
    """P of each level by differences of the cdf; loc and scale in units of the data."""
    edges = (np.arange(levels - 1) + 0.5) / (levels - 1)
    cdf = np.concatenate([[0.0], expit((edges - loc) / scale), [1.0]])
    return np.diff(cdf)


def raw_of(scale, levels):
    """The raw scale that gives `scale`."""
    return raw_scale(scale - 0.1 / (levels - 1))


@pytest.mark.parametrize(("loc", "scale"), [(0.4, 0.05), (0.0, 0.01), (1.2, 0.3), (-0.5, 2.0)])
def test_log_prob_is_the_difference_of_the_cdf_at_the_bins_edges(loc, scale):
    scalar = kvae.layers.DiscretizedLogistic((), levels=17)
    found = properties.log_prob64(scalar, [loc, raw_of(scale, 17)], np.arange(17) / 16)
    expected = probabilities(loc, scale, 17)
    seen = expected > 1e-9  # NumPy's difference has no digits left below
    assert relative(found[seen], np.log(expected[seen])) < 1e-6


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize(("loc", "raw"), [(0.4, -3.0), (0.0, -1e4), (1.3, 2.0), (-20.0, 1e4)])
def test_probabilities_sum_to_one(levels, loc, raw):
    scalar = kvae.layers.DiscretizedLogistic((), levels=levels)
    total = properties.total(scalar, [loc, raw], np.arange(levels) / (levels - 1))
    assert abs(total - 1) < 1e-6


def test_far_from_the_mean_it_falls_linearly_where_the_cdf_has_no_digits_left():
    """A logistic's tail is exp(-|x - loc| / s): ten levels further cost 10 / s in levels."""
    scalar = kvae.layers.DiscretizedLogistic(())
    log_prob = scalar.distribution(np.array([0.0, -1e4], "float32")).log_prob
    near, far = float(log_prob(np.float32(100 / TOP))), float(log_prob(np.float32(110 / TOP)))
    assert near - far == pytest.approx(10 / 0.1, rel=1e-4)


def test_wide_bins_are_density_times_width():
    scalar = kvae.layers.DiscretizedLogistic(())
    x, loc, scale = 100 / TOP, 0.3, 2.0
    z = (x - loc) / scale
    density = np.exp(-z) / (scale * (1 + np.exp(-z)) ** 2)
    found = properties.log_prob64(scalar, [loc, raw_of(scale, 256)], [x])[0]
    assert found == pytest.approx(np.log(density / TOP), abs=1e-5)


def test_values_between_levels_count_as_the_nearer_and_beyond_as_impossible(layer, rng):
    params, x = rng.normal(size=(5, 4, 3, 4)), pixels(rng, 5, 4, 3, 2)
    log_prob = layer.distribution(params).log_prob
    assert_same_in_float32(log_prob(x + 0.4 / TOP), log_prob(x))
    assert np.all(np.isneginf(log_prob(x + 1.5)))


def test_mean_is_that_of_the_levels(rng):
    scalar = kvae.layers.DiscretizedLogistic(())
    levels = np.arange(256) / TOP
    for loc, in_levels in [(0.4, 0.5), (0.002, 0.5), (0.999, 3.0), (0.5, 100.0), (1.4, 20.0)]:
        scale = in_levels / TOP
        params = np.array([loc, raw_of(scale, 256)])
        expected = np.sum(levels * probabilities(loc, scale, 256))
        assert abs(float(scalar.mean(params)) - expected) < 0.025 / TOP
    narrow = scalar.mean(np.stack([rng.uniform(size=50), np.full(50, -1e4)], axis=1))
    expected = [np.sum(levels * probabilities(loc, 0.1 / TOP, 256)) for loc in levels[:50]]
    found = scalar.mean(np.stack([levels[:50], np.full(50, -1e4)], axis=1))
    assert np.max(np.abs(found - expected)) < 0.5 / TOP
    assert np.all((narrow >= 0) & (narrow <= 1))


def test_draws_have_the_probabilities_and_lie_on_levels():
    scalar = kvae.layers.DiscretizedLogistic((), levels=5)
    params = np.array([0.4, raw_of(0.2, 5)], "float32")
    draws = scalar.distribution(params).sample(20_000, seed=[1, 2]).numpy() * 4
    np.testing.assert_allclose(draws, np.round(draws), atol=1e-6)
    p = probabilities(0.4, 0.2, 5)
    share = np.bincount(np.round(draws).astype(int), minlength=5) / 20_000
    assert np.all(np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / 20_000))


def test_draws_alike_in_graph_and_xla(layer, rng):
    properties.assert_draws_alike_in_graph_and_xla(layer, rng.normal(size=(2, 4, 3, 4)))


def test_float32_agrees_with_float64(layer, rng):
    params, x = rng.normal(size=(20, 4, 3, 4)), pixels(rng, 20, 4, 3, 2).astype("float32")
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(rng):
    layer = kvae.layers.DiscretizedLogistic(3)
    x = pixels(rng, 4, 3)
    x[0] = [0.0, 1.0, 0.5]
    properties.assert_finite_at_extremes(layer, x)


@pytest.mark.parametrize("levels", [0, 1, 2.5])
def test_fewer_than_two_levels_are_refused(levels):
    with pytest.raises(ValueError, match=r"Expected levels .* Received: levels="):
        kvae.layers.DiscretizedLogistic(3, levels=levels)


def test_bits_of_a_uniform_guess_are_the_bits_of_the_pixel():
    nats = 4 * 3 * 2 * math.log(256)
    assert kvae.layers.bits_per_dimension(nats, (4, 3, 2)) == pytest.approx(8.0)
    np.testing.assert_allclose(
        kvae.layers.bits_per_dimension(np.array([nats, 0]), (4, 3, 2)), [8, 0]
    )
