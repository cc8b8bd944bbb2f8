import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from tests.helpers import relative
from tests.layers import properties

KINDS = [kvae.layers.IndependentNegativeBinomial, kvae.layers.ZeroInflatedNegativeBinomial]


def nbinom(params, x):
    """SciPy's log pmf for blocks of log mean and log dispersion of two elements."""
    mean, dispersion = np.exp(params[..., :2]), np.exp(params[..., 2:4])
    return stats.nbinom.logpmf(x, dispersion, dispersion / (dispersion + mean))


def test_log_prob_is_scipys(rng):
    layer = kvae.layers.IndependentNegativeBinomial(2)
    params, x = rng.normal(1.0, 1.0, size=(50, 4)), rng.poisson(4.0, size=(50, 2)).astype(float)
    found = layer.distribution(params).log_prob(x)
    assert relative(found, nbinom(params, x).sum(axis=1)) < 1e-9  # float64


def test_zeros_are_inflated(rng):
    layer = kvae.layers.ZeroInflatedNegativeBinomial(2)
    params, x = rng.normal(1.0, 1.0, size=(50, 6)), rng.poisson(1.0, size=(50, 2)).astype(float)
    zero = 1 / (1 + np.exp(-params[:, 4:]))
    expected = np.log(zero * (x == 0) + (1 - zero) * np.exp(nbinom(params, x))).sum(axis=1)
    assert relative(layer.distribution(params).log_prob(x), expected) < 1e-9


def test_variance_is_mean_plus_its_square_over_the_dispersion(rng):
    params = rng.normal(size=(20, 4))
    distribution = kvae.layers.IndependentNegativeBinomial(2).distribution(params)
    mean, dispersion = np.exp(params[:, :2]), np.exp(params[:, 2:])
    assert relative(distribution.mean(), mean) < 1e-9
    assert relative(distribution.variance(), mean + mean**2 / dispersion) < 1e-9


def test_high_dispersion_is_a_poisson():
    counts = np.arange(40.0)
    scalar = kvae.layers.IndependentNegativeBinomial(())
    found = properties.log_prob64(scalar, [np.log(7.0), 15.0], counts)
    np.testing.assert_allclose(found, stats.poisson.logpmf(counts, 7.0), atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_sum_to_one(kind):
    params = [1.0, 0.5, -0.5][: kind(()).params_size]
    assert abs(properties.total(kind(()), params, np.arange(200)) - 1) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_moments_match_draws(kind, rng):
    params = rng.normal(0.5, 0.5, size=(2, kind(2).params_size))
    properties.assert_moments_match_draws(kind(2), params)
    properties.assert_draws_alike_in_graph_and_xla(kind(2), params)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_agrees_with_float64(kind, rng):
    params = rng.normal(1.0, 1.0, size=(20, kind(2).params_size))
    properties.assert_float32_agrees_with_float64(kind(2), params, rng.poisson(4.0, size=(20, 2)))


def test_large_counts_keep_their_digits_in_float32():
    """Gammas of 1e6 are near 1e7: their difference has to be taken with care."""
    scalar = kvae.layers.IndependentNegativeBinomial(())
    x = np.array([9.0e4, 1.0e5, 1.2e5])
    params = np.array([np.log(1e5), np.log(10.0)])
    single = scalar.distribution(params.astype("float32")).log_prob(x.astype("float32"))
    expected = stats.nbinom.logpmf(x, 10.0, 10.0 / (10.0 + 1e5))
    np.testing.assert_allclose(single, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_finite_at_extremes(kind):
    properties.assert_finite_at_extremes(kind(2), [[0.0, 1.0], [7.0, 1000.0], [1e6, 0.0]])


def test_counts_that_are_not_whole_are_refused_at_the_door(make_vae, rng):
    vae = make_vae(3, likelihood=kvae.layers.IndependentNegativeBinomial(3))
    vae.compile(optimizer="adam")
    with pytest.raises(ValueError, match=r"whole numbers in \[0, inf\].*not all whole"):
        vae.fit(rng.uniform(size=(20, 3)), verbose=0)


@pytest.mark.parametrize("log_dispersion", [0.0, 5.0, 10.0, 15.0])
def test_the_gradient_in_float32_is_that_in_float64(log_dispersion):
    """A difference of two digammas, as in TFP, is off by 1 where the gradient is 1e-5."""
    counts = np.array([0.0, 3.0, 7.0, 10.0, 13.0, 40.0])
    params = np.stack([np.full(6, np.log(10.0)), np.full(6, log_dispersion)], axis=1)
    layer = kvae.layers.IndependentNegativeBinomial(())
    gradients = []
    for dtype in (tf.float32, tf.float64):
        params_of_dtype = tf.constant(params, dtype)
        with tf.GradientTape() as tape:
            tape.watch(params_of_dtype)
            log_prob = layer.distribution(params_of_dtype).log_prob(tf.constant(counts, dtype))
        gradients.append(tape.gradient(log_prob, params_of_dtype).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
