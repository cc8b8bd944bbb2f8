import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import run_python

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="test_distribution_lambda")
def gamma(params):
    concentration, rate = tf.unstack(tf.math.softplus(params), axis=-1)
    return tfd.Gamma(concentration, rate)


@keras.saving.register_keras_serializable(package="test_distribution_lambda")
def unit_normals(params):
    return tfd.Independent(tfd.Normal(params, tf.ones_like(params)), len(params.shape) - 1)


@keras.saving.register_keras_serializable(package="test_distribution_lambda")
def elementwise_normals(params):
    return tfd.Normal(params, 1.0)


def unregistered(params):
    return tfd.Independent(tfd.Normal(params, 1.0), 1)


def test_log_prob_is_that_of_the_functions_distribution():
    params = np.array([[0.5, -1.0], [2.0, 1.0]], "float32")
    concentration, rate = np.log1p(np.exp(params.T))
    expected = scipy.stats.gamma(concentration, scale=1 / rate).logpdf(1.5)
    loss = kvae.losses.NegativeLogLikelihood(kvae.layers.DistributionLambda(gamma), reduction=None)
    np.testing.assert_allclose(loss(np.full(2, 1.5), params), -expected, rtol=1e-5)


def _both(params):
    """Return two positive parameters of each element, and the number of its axes."""
    return (*tf.split(0.1 + tf.math.softplus(params), 2, axis=-1), len(params.shape) - 1)


FAMILIES = {
    "Gamma": tfd.Gamma,
    "InverseGamma": tfd.InverseGamma,
    "LogNormal": tfd.LogNormal,
    "LogitNormal": tfd.LogitNormal,
    "Beta": tfd.Beta,
    "Kumaraswamy": tfd.Kumaraswamy,
    "Weibull": tfd.Weibull,
    "Pareto": tfd.Pareto,
    "HalfCauchy": tfd.HalfCauchy,
    "LogLogistic": tfd.LogLogistic,
    "InverseGaussian": tfd.InverseGaussian,
    "Exponential": lambda a, b: tfd.Exponential(a * b),
    "Uniform": lambda a, b: tfd.Uniform(1.0 + a, 1.0 + a + b),
    "Triangular": lambda a, b: tfd.Triangular(1.0 + a, 1.0 + a + 2.0 * b, 1.0 + a + b),
    "TruncatedNormal": lambda a, b: tfd.TruncatedNormal(a, b, 5.0, 9.0),
    "Zipf": lambda a, b: tfd.Zipf(1.0 + a + b),
    "StudentT": lambda a, b: tfd.StudentT(a, 0.0, b),
    "Normal": tfd.Normal,
    "Gamma mixture": lambda a, b: tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.stack([a, b], -1)),
        tfd.Gamma(tf.stack([a, b], -1), tf.stack([b, a], -1)),
    ),
    "mixture": lambda a, b: tfd.Mixture(
        tfd.Categorical(logits=tf.stack([a, b], -1)), [tfd.Gamma(a, b), tfd.LogNormal(a, b)]
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_missing_elements_leave_value_and_gradient_finite(family):
    class OfFamily(kvae.layers.DistributionLayer):
        params_per_element = 2

        def make_distribution(self, params):
            first, second, axes = _both(params)
            return tfd.Independent(FAMILIES[family](first, second), axes)

    layer, params = OfFamily(3), tf.constant([[0.3, -0.5, 1.0, 0.4, 2.0, -1.0]])
    x = tf.cast(layer.distribution(params).sample(seed=[1, 2]), tf.float32)
    observed = np.array([[True, False, False]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(params)
        log_prob = layer.log_prob(params, tf.where(observed, x, np.nan), observed)
        expected = layer.distribution(params).distribution.log_prob(x)[:, 0]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-6)
    gradients = [tape.gradient(each, params) for each in (log_prob, expected)]
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_shapes_are_known_from_params_shape_or_from_the_first_call():
    given = kvae.layers.DistributionLambda(gamma, params_shape=2)
    assert (given.params_shape, given.params_size, given.event_shape) == ((2,), 2, ())
    learned = kvae.layers.DistributionLambda(unit_normals)
    with pytest.raises(ValueError, match="give it params_shape"):
        _ = learned.params_size
    assert learned(keras.Input((4, 3))).shape == (None, 4, 3)
    assert learned.params_shape == learned.event_shape == (4, 3)
    with pytest.raises(ValueError, match="Expected the parameters"):
        learned.distribution(np.zeros((2, 5), "float32"))


def test_further_batch_axes_work_where_params_shape_is_given():
    layer = kvae.layers.DistributionLambda(gamma, "mean", params_shape=2)
    assert layer(np.zeros((5, 7, 2), "float32")).shape == (5, 7)


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        (lambda params: tfd.Normal(params, 1.0), "Write it as a named function"),
        (unregistered, "Put @keras.saving.register_keras_serializable"),
        (tfd.Normal, "Write it as a named function"),
        ("test_distribution_lambda>gamma", "Write it as a named function"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_what_to_do(function, advice):
    with pytest.raises(ValueError, match="Expected make_distribution_fn") as error:
        kvae.layers.DistributionLambda(function)
    assert advice in str(error.value)


def test_a_distribution_for_each_element_is_refused():
    with pytest.raises(ValueError, match=r"tfd\.Independent"):
        kvae.layers.DistributionLambda(elementwise_normals, params_shape=3)


def test_a_posterior_from_a_function_takes_a_regularizer():
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(3))
    layer = kvae.layers.DistributionLambda(unit_normals, activity_regularizer=kl)
    layer(np.full((5, 3), 2.0, "float32"))
    assert float(sum(layer.losses)) == pytest.approx(3 * 0.5 * 2.0**2)  # nats: |loc|^2 / 2


def test_vae_takes_one_as_its_likelihood(make_vae):
    likelihood = kvae.layers.DistributionLambda(unit_normals, params_shape=(4, 4, 1))
    vae = make_vae((4, 4, 1), likelihood=likelihood)
    vae.compile("adam")
    x = np.zeros((8, 4, 4, 1), "float32")
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"][0])
    assert vae.sample(2).shape == (2, 4, 4, 1)


MODULE = """
import keras, tensorflow as tf, tensorflow_probability as tfp
@keras.saving.register_keras_serializable(package="mine")
def exponential(params):
    return tfp.distributions.Exponential(tf.math.softplus(params[..., 0]))
"""


@pytest.mark.slow
def test_keras_file_loads_in_a_process_that_imports_the_function(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    save = """
import sys, keras, kvae; sys.path.insert(0, "."); import mine
inputs = keras.Input((1,))
layer = kvae.layers.DistributionLambda(mine.exponential, "mean")
keras.Model(inputs, layer(inputs)).save("m.keras")
"""
    load = """
import sys, keras, kvae; sys.path.insert(0, "."); import mine, numpy
print(float(keras.saving.load_model("m.keras")(numpy.zeros((1, 1)))[0]))
"""
    run_python(save, tmp_path, prepared=True)
    assert float(run_python(load, tmp_path, prepared=True)) == pytest.approx(1 / np.log(2.0))
