"""The lower bound of a likelihood's scale, against SciPy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from tests.helpers import raw_scale

layers = kvae.layers
NORMAL_AND_RAW = [0.3, -50.0]  # loc, and a raw scale far below any bound

LAYERS = {
    "IndependentNormal": (layers.IndependentNormal, NORMAL_AND_RAW, stats.norm),
    "IndependentLaplace": (layers.IndependentLaplace, NORMAL_AND_RAW, stats.laplace),
    "IndependentLogistic": (layers.IndependentLogistic, NORMAL_AND_RAW, stats.logistic),
    "IndependentStudentT": (
        lambda **kw: layers.IndependentStudentT(df=4.0, **kw),
        NORMAL_AND_RAW,
        stats.t(4.0),
    ),
    # Two equal components.
    "MixtureNormal": (
        lambda **kw: layers.MixtureNormal(2, **kw),
        [0.0, 0.0, *2 * NORMAL_AND_RAW],
        stats.norm,
    ),
    "MixtureLogistic": (
        lambda **kw: layers.MixtureLogistic(2, **kw),
        [0.0, 0.0, *2 * NORMAL_AND_RAW],
        stats.logistic,
    ),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def log_prob(layer, params, x):
    return layer.distribution(np.tile(np.float32(params), (len(x), 1))).log_prob(x)


@every_layer
@pytest.mark.parametrize(("min_scale", "expected"), [(0.05, 0.05), (None, 1e-3)])
def test_the_density_is_that_of_the_smallest_scale(name, min_scale, expected):
    make, params, reference = LAYERS[name]
    layer = make(min_scale=min_scale)
    loc = np.float32(params[-2])
    x = (loc + expected * np.linspace(-3.0, 3.0, 7)).astype("float32")
    z = (x.astype("float64") - loc) / expected
    found = log_prob(layer, params, x)
    np.testing.assert_allclose(found, reference.logpdf(z) - np.log(expected), rtol=1e-5, atol=1e-5)


@every_layer
def test_a_posterior_keeps_tfps_scale(name):
    if name == "IndependentStudentT":
        pytest.skip("it has no counterpart in tfp.layers")
    make, params, reference = LAYERS[name]
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(1))
    layer = make(event_shape=1, activity_regularizer=kl)
    found = log_prob(layer, params, np.full((1, 1), params[-2], "float32"))
    expected = reference.logpdf(0.0) + 50.0  # log softplus(-50) = -50
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@every_layer
def test_the_bound_is_saved_with_the_layer(name):
    make, _, _ = LAYERS[name]
    layer = make(min_scale=0.05)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config()["min_scale"] == 0.05


@every_layer
@pytest.mark.parametrize("min_scale", [-0.1, "small", float("nan"), float("inf")])
def test_a_bound_that_is_none_is_refused(name, min_scale):
    make, _, _ = LAYERS[name]
    with pytest.raises(ValueError, match=r"Expected min_scale to be .* Received: min_scale="):
        make(min_scale=min_scale)


@pytest.mark.parametrize("layer", [layers.IndependentNormal(), layers.NormalLikelihood(scale=0.1)])
def test_a_normal_far_from_zero_keeps_its_digits(layer, rng):
    """x / s - loc / s, as in TFP, is off by 0.01 nats at loc = 1e4 and s = 0.1."""
    loc = rng.uniform(0.9e4, 1.1e4, 1000).astype("float32")
    x = (loc + 0.1 * rng.normal(size=1000)).astype("float32")
    params = loc[:, None]
    if layer.params_size == 2:
        params = np.stack([loc, np.full(1000, raw_scale(0.1), "float32")], axis=1)
    found = layer.distribution(params).log_prob(x)
    expected = stats.norm.logpdf(x.astype("float64"), loc.astype("float64"), 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_updates_of_a_learned_scale_stop_at_its_bound():
    """A decoder that is exact pushes the scale towards zero."""
    layer = layers.LearnedScale(initial=0.3, min_scale=0.2)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    loss = kvae.losses.NegativeLogLikelihood(layers.IndependentNormal(2))
    model.compile(keras.optimizers.Adam(0.5), loss=loss, jit_compile=False)
    x = np.ones((4, 2), "float32")
    for _ in range(5):
        model.train_on_batch(x, x)
    stddev = layers.IndependentNormal(2).distribution(model(x)).stddev()
    np.testing.assert_allclose(stddev, 0.2, rtol=1e-5)
    again = layers.LearnedScale.from_config(layer.get_config())
    assert again.min_scale == 0.2


def test_a_learned_scale_does_not_start_below_its_bound():
    with pytest.raises(ValueError, match=r"Expected initial to be at least min_scale. Received"):
        layers.LearnedScale(initial=1e-4)
    assert layers.LearnedScale(initial=1e-4, min_scale=0.0).min_scale == 0.0


def test_gradients_stay_finite_where_a_prediction_is_far_off():
    layer = layers.IndependentNormal()
    params = tf.constant([[1e4, -1e4], [-1e4, -1e4]])
    with tf.GradientTape() as tape:
        tape.watch(params)
        nll = -tf.reduce_mean(layer.distribution(params).log_prob([0.0, 1e4]))
    assert np.isfinite(nll)
    assert np.all(np.isfinite(tape.gradient(nll, params)))
