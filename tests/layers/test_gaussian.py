"""Gaussian and Bernoulli layers against NumPy in float64, and at the ends of float32."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import kvae
from tests.helpers import relative

layers = kvae.layers
FLOAT32 = 1e-5  # sums of a few float32 terms


def test_normal_log_prob_is_the_textbook_formula(rng):
    params, x = rng.normal(size=(9, 8)), rng.normal(size=(9, 4))
    loc, scale = params[:, :4], np.logaddexp(0.0, params[:, 4:])
    each = -0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    for layer in (layers.IndependentNormal(4), layers.MultivariateNormalDiag(4)):
        found = layer.distribution(params.astype("float32")).log_prob(x.astype("float32"))
        assert relative(found, each.sum(axis=1)) < FLOAT32


def test_tril_log_prob_is_that_of_the_full_covariance(rng):
    """TFP fills the triangle from the end; its covariance is checked through the layer's own."""
    params = rng.normal(size=(9, 9)).astype("float32")
    posterior = layers.MultivariateNormalTriL(3).distribution(params)
    np.testing.assert_array_equal(posterior.mean(), params[:, :3])
    covariance = np.asarray(posterior.covariance(), "float64")
    assert np.all(np.linalg.eigvalsh(covariance) > 0)
    off_diagonal = covariance - np.stack([np.diag(np.diag(each)) for each in covariance])
    assert np.abs(off_diagonal).max() > 0.1, "a full covariance"
    x = rng.normal(size=(9, 3))
    apart = x - params[:, :3]
    mahalanobis = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(covariance), apart)
    _, log_determinant = np.linalg.slogdet(covariance)
    expected = -0.5 * (mahalanobis + log_determinant + 3 * np.log(2 * np.pi))
    found = posterior.log_prob(x.astype("float32"))
    # Inverting a float32 covariance costs some digits more.
    assert relative(found, expected) < 1e-4


def test_bernoulli_log_prob_is_the_cross_entropy_even_for_grey_values(rng):
    logits, x = 3.0 * rng.normal(size=(9, 4)), rng.uniform(size=(9, 4))
    each = x * -np.logaddexp(0.0, -logits) - (1 - x) * np.logaddexp(0.0, logits)
    found = layers.IndependentBernoulli(4).distribution(logits.astype("float32"))
    assert relative(found.log_prob(x.astype("float32")), each.sum(axis=1)) < FLOAT32
    assert relative(found.mean(), 1.0 / (1.0 + np.exp(-logits))) < FLOAT32


RAW = st.floats(-1e4, 1e4, width=32)
ROWS = 50  # ten examples of Hypothesis, fifty rows each


@pytest.mark.parametrize(
    "layer",
    [
        layers.IndependentNormal(4),
        layers.MultivariateNormalDiag(4),
        layers.MultivariateNormalTriL(3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_any_raw_parameters_give_a_finite_log_prob_and_gradient(layer):
    """Where TFP's softplus underflows, near -90, its density and gradient are infinite or NaN."""

    @tf.function(autograph=False)
    def score(params):
        with tf.GradientTape() as tape:
            tape.watch(params)
            posterior = layer.distribution(params)
            # At a draw, as in training: |x - loc| is of the order of the scale.
            log_prob = posterior.log_prob(posterior.sample(seed=[1, 2]))
        return posterior.stddev(), log_prob, tape.gradient(log_prob, params)

    @settings(max_examples=10, derandomize=True, deadline=None)
    @given(arrays(np.float32, (ROWS, layer.params_size), elements=RAW))
    def check(params):
        stddev, log_prob, gradient = score(params)
        assert np.all(np.asarray(stddev) > 0.0)
        for value in (stddev, log_prob, gradient):
            assert np.all(np.isfinite(value))

    check()


@settings(max_examples=10, derandomize=True, deadline=None)
@given(
    arrays(np.float32, (ROWS, 4), elements=RAW),
    arrays(np.float32, (ROWS, 4), elements=st.floats(0.0, 1.0, width=32)),
)
def test_any_logits_give_a_finite_likelihood_and_gradient(raw, x):
    params = tf.constant(raw)
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = layers.IndependentBernoulli(4).distribution(params).log_prob(x)
    assert np.all(np.isfinite(log_prob))
    assert np.all(np.asarray(log_prob) <= 0.0)
    assert np.all(np.isfinite(tape.gradient(log_prob, params)))


@pytest.mark.parametrize("raw", [-1e4, -200.0, -87.0, 0.0, 20.0, 1e4])
def test_the_gradient_passes_the_floor_under_the_scale(raw):
    """A scale that has run into its floor can come back."""
    params = tf.constant([[0.0, raw]])
    layer = layers.IndependentNormal(1)
    with tf.GradientTape() as tape:
        tape.watch(params)
        loss = -tf.math.log(layer.distribution(params).stddev())  # asks for a larger scale
    gradient = np.asarray(tape.gradient(loss, params))
    assert np.all(np.isfinite(gradient))
    assert gradient[0, 1] < 0.0


def test_moments_of_draws_are_those_of_the_parameters():
    params = tf.constant([[0.5, -1.0, 0.3, 0.8]])
    posterior = layers.MultivariateNormalDiag(2).distribution(params)
    draws = np.asarray(posterior.sample(100_000, seed=[1, 2]), "float64")[:, 0]
    stddev = np.logaddexp(0.0, [0.3, 0.8])
    # Five standard errors of a mean and of a standard deviation.
    assert np.all(np.abs(draws.mean(axis=0) - [0.5, -1.0]) < 5 * stddev / np.sqrt(1e5))
    assert np.all(np.abs(draws.std(axis=0) - stddev) < 5 * stddev / np.sqrt(2e5))


@pytest.mark.parametrize("spread", [30.0, 100.0, 1e4])
def test_monte_carlo_kl_and_its_gradient_are_finite_for_any_raw_parameters(spread, rng):
    """TFP's x / s - loc / s, or its gradient, is inf - inf at scales below 1e-15."""
    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), use_exact_kl=False
    )
    layer = kvae.layers.IndependentNormal(2, activity_regularizer=kl)
    params = tf.Variable(rng.uniform(-spread, spread, (2000, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        layer(params, training=True)
        penalty = tf.add_n(layer.losses)
    assert np.isfinite(penalty)
    assert np.all(np.isfinite(tape.gradient(penalty, params)))


@pytest.mark.parametrize("raw", [-34.0, -36.0, -60.0, -85.0])
def test_density_at_tiny_scales_is_that_of_the_distance_from_the_mean(raw):
    # A mean of zero, so that x = z s is exact.
    scale = np.exp(np.float64(raw))
    x = np.array([0.0, 0.5 * scale, -2.0 * scale])
    expected = -0.5 * np.array([0.0, 0.25, 4.0]) - np.log(scale) - 0.5 * np.log(2 * np.pi)
    layer = kvae.layers.IndependentNormal(min_scale=0.0)
    found = layer.distribution(np.full((3, 2), [0.0, raw], "float32")).log_prob(x.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
