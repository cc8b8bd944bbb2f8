import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import betaln, digamma, gammaln

import kvae
from kvae.contract.closed_form import kl_divergence
from tests.helpers import assert_same_in_float32, relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.PowerSpherical(4)


def directions(rng, n, size):
    z = rng.normal(size=(n, size))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_log_prob_is_the_papers(layer, rng):
    params, z = rng.normal(size=(20, 5)), directions(rng, 20, 4)
    mean_direction = params[:, :4] / np.linalg.norm(params[:, :4], axis=1, keepdims=True)
    k = np.log1p(np.exp(params[:, 4])) + 1e-3
    b, a = 1.5, 1.5 + k
    log_normalizer = (a + b) * np.log(2) + b * np.log(np.pi) + gammaln(a) - gammaln(a + b)
    expected = k * np.log1p((mean_direction * z).sum(axis=1)) - log_normalizer
    assert relative(layer.distribution(params).log_prob(z), expected) < 1e-9  # float64


@pytest.mark.parametrize("raw", [-5.0, 1.0, 20.0])
def test_density_integrates_to_one_on_the_circle_and_the_sphere(raw):
    angle = np.linspace(0, 2 * np.pi, 20001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    params = np.array([[0.3, -0.4, raw]])
    density = np.exp(kvae.layers.PowerSpherical(2).distribution(params).log_prob(circle))
    assert abs(np.mean(density[:-1]) * 2 * np.pi - 1) < 1e-3

    height = (np.arange(4000) + 0.5) / 2000 - 1  # rings of equal area around the mean direction
    ring = np.stack([np.sqrt(1 - height**2), 0 * height, height], axis=1)
    params = np.array([[0.0, 0.0, 2.0, raw]])
    density = np.exp(kvae.layers.PowerSpherical(3).distribution(params).log_prob(ring))
    assert abs(np.mean(density) * 4 * np.pi - 1) < 1e-3


@pytest.mark.slow
def test_draws_lie_on_the_sphere_and_have_the_moments(layer, rng):
    params = np.concatenate([rng.normal(size=(3, 4)), [[-3.0], [1.0], [30.0]]], axis=1)
    draws = layer.distribution(params.astype("float32")).sample(1000, seed=[1, 2])
    np.testing.assert_allclose(np.linalg.norm(draws, axis=-1), 1.0, atol=1e-5)
    properties.assert_moments_match_draws(layer, params)
    properties.assert_draws_alike_in_graph_and_xla(layer, params)


def test_mode_is_the_direction(layer, rng):
    params = rng.normal(size=(5, 5)).astype("float32")
    mode = layer.distribution(params).mode()
    np.testing.assert_allclose(np.linalg.norm(mode, axis=1), 1.0, rtol=1e-6)
    assert np.all((mode * params[:, :4]).numpy().sum(axis=1) > 0)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-7, 1e-5])
def test_a_direction_near_zero_is_a_unit_vector_with_a_gradient(layer, size, rng):
    params = tf.constant(size * directions(rng, 8, 5), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(params)
        mode = layer.distribution(params).mode()
        projection = tf.reduce_sum(mode * directions(rng, 8, 4))
    np.testing.assert_allclose(np.linalg.norm(mode, axis=1), 1.0, rtol=1e-5)
    gradient = tape.gradient(projection, params)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.abs(gradient.numpy()).sum(axis=1) > 0)


def test_float32_agrees_with_float64(layer, rng):
    params, z = rng.normal(size=(20, 5)), directions(rng, 20, 4).astype("float32")
    properties.assert_float32_agrees_with_float64(layer, params, z)


def test_finite_at_extremes(layer, rng):
    properties.assert_finite_at_extremes(layer, directions(rng, 4, 4))


def test_draws_carry_a_finite_gradient_at_extreme_concentrations(layer):
    params = tf.constant([[1.0, 2.0, 3.0, 4.0, raw] for raw in (-1e4, -30.0, 0.0, 300.0, 1e4)])
    with tf.GradientTape() as tape:
        tape.watch(params)
        draws = layer.distribution(params).sample(20, seed=[1, 2])
    assert np.all(np.isfinite(draws))
    assert np.all(np.isfinite(tape.gradient(draws, params)))


@pytest.mark.slow
def test_a_vae_on_the_sphere_trains_draws_and_reloads(grey, make_vae, tmp_path):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.UniformSphere(3))
    posterior = kvae.layers.PowerSpherical(3, activity_regularizer=kl)
    vae = make_vae(latent_dim=3, posterior=posterior)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = vae.fit(grey, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    mean, stddev = vae.encode(grey)
    # E|z|^2 = 1: the square of the mean and the variances share one.
    np.testing.assert_allclose((mean**2 + stddev**2).sum(axis=1), 1.0, rtol=1e-4)
    assert vae.sample(4, seed=0).shape == (4, 8, 8, 1)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert_same_in_float32(again.encode(grey)[0], mean)


def test_a_sphere_in_one_dimension_is_refused():
    with pytest.raises(ValueError, match="Expected event_size to be at least 2"):
        kvae.layers.PowerSpherical(1)


@pytest.mark.parametrize("dimensions", [2, 3, 16])
@pytest.mark.parametrize("k", [1e-3, 1.0, 100.0, 1e4])
def test_kl_and_density_keep_their_digits_at_any_concentration(dimensions, k, rng):
    """Digammas near 9 times 1e4 cancel to 9 nats: as differences they are off by 5e-3."""
    mean_direction, z = directions(rng, 2, dimensions).astype("float32")
    z = mean_direction + z / np.sqrt(k * dimensions + 1.0)  # as far as draws are
    z = (z / np.linalg.norm(z)).astype("float32")
    layer = kvae.layers.PowerSpherical(dimensions)
    prior = kvae.priors.UniformSphere(dimensions).distribution()
    sphere = layer.distribution(np.concatenate([mean_direction, [np.float32(k)]])[None])
    direction = np.asarray(sphere.mean_direction[0], "float64")
    k = float(sphere.concentration[0])
    b = (dimensions - 1) / 2
    kl = betaln(b, b) - betaln(b + k, b) + k * (digamma(b + k) - digamma(2 * b + k))
    np.testing.assert_allclose(kl_divergence(sphere, prior)[0], kl, rtol=3e-6, atol=1e-6)
    apart = 0.25 * np.sum((direction - z) ** 2)
    log_normalizer = 2 * b * np.log(2) + b * np.log(np.pi) + gammaln(b + k) - gammaln(2 * b + k)
    expected = k * np.log1p(-apart) - log_normalizer
    np.testing.assert_allclose(sphere.log_prob(z[None])[0], expected, rtol=3e-6, atol=3e-6)
