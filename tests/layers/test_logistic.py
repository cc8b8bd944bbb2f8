import keras
import numpy as np
import scipy.stats
import tensorflow as tf

import kvae
from tests.helpers import assert_same_in_float32


def test_log_prob_is_scipys():
    params = np.array([[0.5, -1.0, 2.0, -2.0]], "float32")  # loc, loc, raw, raw
    x = np.array([[1.5, -3.0]], "float32")
    scale = np.log1p(np.exp(params[0, 2:]))
    expected = scipy.stats.logistic(params[0, :2], scale).logpdf(x[0]).sum()
    found = kvae.layers.IndependentLogistic(2).distribution(params).log_prob(x)
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_density_integrates_to_one():
    layer = kvae.layers.IndependentLogistic()
    x = np.linspace(-80.0, 80.0, 200_001)
    for raw in (-2.0, 0.5, 1.5):
        density = layer.distribution(np.array([0.3, raw], "float32")).prob(x.astype("float32"))
        assert abs(np.trapezoid(density, x) - 1.0) < 1e-3


def test_draws_have_the_mean_and_the_stddev():
    params = np.tile(np.array([[1.0, -2.0, 0.5, -0.5]], "float32"), (100_000, 1))
    layer = kvae.layers.IndependentLogistic(2, seed=1)
    draws = layer(params, training=True).numpy()
    distribution = layer.distribution(params[0])
    # Five standard errors; that of the stddev takes the logistic's kurtosis of 4.2.
    stddev = distribution.stddev().numpy()
    assert np.all(np.abs(draws.mean(0) - distribution.mean()) < 5 * stddev / np.sqrt(1e5))
    assert np.all(np.abs(draws.std(0) - stddev) < 5 * stddev * np.sqrt(3.2 / 4e5))


def test_image_events_read_the_blocks_of_a_convolution():
    layer = kvae.layers.IndependentLogistic((2, 2, 3))
    params = np.random.default_rng(0).normal(size=(5, 2, 2, 6)).astype("float32")
    logistic = layer.distribution(params).distribution
    np.testing.assert_array_equal(logistic.loc, params[..., :3])
    np.testing.assert_allclose(logistic.scale, np.log1p(np.exp(params[..., 3:])), rtol=1e-5)


def test_density_is_no_nan_left_of_a_tiny_scale():
    # TFP's -z - 2 softplus(-z) is inf - inf there.
    layer = kvae.layers.IndependentLogistic(min_scale=0.0)
    log_prob = layer.distribution(np.full((3, 2), [0.0, -87.0], "float32")).log_prob(
        [-9.0, 0.0, 9.0]
    )
    assert np.isneginf(log_prob[0])
    assert np.isneginf(log_prob[2])
    assert np.isfinite(log_prob[1])


def test_parameters_at_the_extremes_give_finite_monte_carlo_kl_and_gradients():
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    layer = kvae.layers.IndependentLogistic(2, activity_regularizer=kl)
    params = np.random.default_rng(0).uniform(-1e4, 1e4, (500, 4)).astype("float32")
    params = tf.Variable(params)
    with tf.GradientTape() as tape:
        layer(params, training=True)
        penalty = sum(layer.losses)
    assert np.isfinite(penalty)
    assert np.all(np.isfinite(tape.gradient(penalty, params)))


def test_keras_file_gives_the_layer_back(tmp_path):
    inputs = keras.Input((2, 2, 2))
    layer = kvae.layers.IndependentLogistic((2, 2, 1), "mean", validate_args=True)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = np.ones((1, 2, 2, 2), "float32")
    assert_same_in_float32(loaded(x), model(x))
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
