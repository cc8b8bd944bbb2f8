"""Models in float64 or half precision: what stays in float32 fits to the rest."""

import keras
import numpy as np
import pytest

import kvae
from tests.conformance.cases.quantized import make_quantized
from tests.helpers import dtype_policy
from tests.small import make_hierarchy, make_vae

priors, regularizers = kvae.priors, kvae.regularizers


def with_prior(prior, regularizer=regularizers.KLDivergenceRegularizer):
    layer = kvae.layers.MultivariateNormalDiag
    if regularizer is regularizers.NegativeLogPrior:
        layer = kvae.layers.Deterministic
    return make_vae(posterior=layer(2, activity_regularizer=regularizer(prior)))


MODELS = {
    "hierarchy": make_hierarchy,
    "quantized": make_quantized,
    "mixture": lambda: with_prior(priors.GaussianMixture(2, 3)),
    "flow": lambda: with_prior(priors.Flow(2, 2, (8,))),
    "vamp": lambda: with_prior(priors.VampPrior(2, (8, 8, 1), 3)),
    "affine": lambda: with_prior(priors.Affine(priors.StandardNormal(2))),
    "autoencoder": lambda: with_prior(priors.GaussianMixture(2, 2), regularizers.NegativeLogPrior),
}


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_float64_gives_what_it_gives_in_float32(name, x):
    with dtype_policy("float64"):
        model = MODELS[name]()
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(x, epochs=2, verbose=0, validation_data=x[:9]).history
    assert np.isfinite(history["loss"]).all()
    assert model.score(x).dtype == "float64"
    same = MODELS[name]()
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(model.score(x), same.score(x), rtol=1e-5)
    np.testing.assert_allclose(model.sample(3, seed=0), same.sample(3, seed=0), rtol=1e-4)


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
def test_codes_are_found_in_float32_where_weights_are_in_half_precision(policy, x):
    with dtype_policy(policy):
        model = make_quantized()
    assert model.quantizer.codebook.dtype == "float32"
    model.compile("adam")
    assert np.isfinite(model.fit(x, verbose=0).history["loss"]).all()


def test_the_loss_of_a_posterior_layer_has_the_dtype_of_keras_losses(x):
    keras.config.set_floatx("float64")
    try:
        with dtype_policy("float64"):
            posterior = make_vae().posterior_layer
            inputs = keras.Input((8, 8, 1))
            z = posterior(keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
            model = keras.Model(inputs, keras.layers.Dense(64)(z))
            likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
            model.compile("sgd", kvae.losses.NegativeLogLikelihood(likelihood))
            loss = model.fit(x, x, verbose=0).history["loss"]
    finally:
        keras.config.set_floatx("float32")
    assert np.isfinite(loss).all()
    assert posterior.losses[0].dtype == "float64"


def test_a_model_of_float64_with_a_transform_is_exported(rng, tmp_path):
    x = rng.normal(3.0, 2.0, size=(20, 4))
    keras.config.set_floatx("float64")
    try:
        with dtype_policy("float64"):
            likelihood = kvae.layers.Transformed(
                kvae.layers.IndependentNormal(4), kvae.transforms.Standardization()
            )
            model = make_vae((4,), likelihood=likelihood)
        model.adapt(x)
        result = kvae.export.tflite(model, tmp_path / "m.tflite", signatures=["score"], data=x)
    finally:
        keras.config.set_floatx("float32")
    assert result.measured["score"]


def test_raw_data_are_transformed_in_float32_under_a_mixed_policy(rng):
    mean, stddev = np.array([300.3, 1e5]), np.array([0.1, 10.0])
    x = (mean + stddev * rng.normal(size=(5, 2))).astype("float32")
    with dtype_policy("mixed_float16"):
        transform = kvae.transforms.Standardization(mean=mean, stddev=stddev)
        likelihood = kvae.layers.Transformed(kvae.layers.IndependentNormal(2), transform)
        vae = make_vae(2, likelihood=likelihood)
        inferred = vae.likelihood_at(vae.infer({"x": x}, None))
        np.testing.assert_array_equal(vae(x), inferred.params)
        assert np.all(np.isfinite(vae(x)))
        expected = (x - mean) / stddev
        np.testing.assert_allclose(transform(x), expected, rtol=1e-2, atol=1e-2)
