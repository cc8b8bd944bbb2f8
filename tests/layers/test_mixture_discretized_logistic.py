import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax

import kvae
from tests.helpers import relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.MixtureDiscretizedLogistic(3, (4, 2))


def pixels(rng, *shape):
    return rng.integers(256, size=shape) / 255


def components(params):
    """Logits, and the params of a DiscretizedLogistic for each component."""
    logits, loc, raw_scale = np.split(params, 3, axis=-1)  # (B, 4, 3 blocks of 2)
    blocks = [np.split(part, 3, axis=-1) for part in (loc, raw_scale)]
    return np.stack(np.split(logits, 3, axis=-1), axis=-1), [
        np.concatenate(pair, axis=-1) for pair in zip(*blocks, strict=True)
    ]


def test_log_prob_is_the_weighted_sum_of_its_components(layer, rng):
    params, x = rng.normal(size=(20, 4, 18)), pixels(rng, 20, 4, 2)
    logits, parts = components(params)
    single = kvae.layers.DiscretizedLogistic((4, 2))
    each = [single.distribution(part).distribution.log_prob(x).numpy() for part in parts]
    expected = logsumexp(log_softmax(logits, axis=-1) + np.stack(each, axis=-1), axis=-1)
    found = layer.distribution(params).log_prob(x)
    assert relative(found, expected.sum(axis=(1, 2))) < 1e-9  # float64


def test_mean_is_the_weighted_mean_of_its_components(layer, rng):
    params = rng.normal(size=(20, 4, 18))
    logits, parts = components(params)
    single = kvae.layers.DiscretizedLogistic((4, 2))
    each = np.stack([single.mean(part) for part in parts], axis=-1)
    assert relative(layer.mean(params), (softmax(logits, axis=-1) * each).sum(axis=-1)) < 1e-9


def test_probabilities_sum_to_one(rng):
    scalar = kvae.layers.MixtureDiscretizedLogistic(3, (), levels=17)
    assert abs(properties.total(scalar, rng.normal(size=9), np.arange(17) / 16) - 1) < 1e-6


def test_moments_match_draws(layer, rng):
    params = rng.normal(size=(2, 4, 18))
    properties.assert_moments_match_draws(layer, params, variance=False)
    properties.assert_draws_alike_in_graph_and_xla(layer, params)


def test_float32_agrees_with_float64(layer, rng):
    params, x = rng.normal(size=(20, 4, 18)), pixels(rng, 20, 4, 2).astype("float32")
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(rng):
    layer = kvae.layers.MixtureDiscretizedLogistic(2, 3)
    x = pixels(rng, 4, 3)
    x[0] = [0.0, 1.0, 0.5]
    properties.assert_finite_at_extremes(layer, x)
