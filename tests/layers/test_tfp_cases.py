"""Every case of TFP's `distribution_layer_test`, in kvae's words.

TFP's file has 73 cases. They are here class by class, in its order; its pairs of "static" and
"dynamic" shapes in float32 and float64 are parameters. Where Keras 3 or kvae asks for another form,
the test says which.
"""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import raw_scale

tfd, layers = tfp.distributions, kvae.layers

# A size as TFP's tests give it: an array or a tensor, of no axes where it is one number.
SIZES = {"array": np.array, "tensor": tf.constant}
KINDS = pytest.mark.parametrize(
    ("as_size", "dtype", "static"),
    [(np.array, "float64", False), (tf.constant, "float32", True)],
    ids=["dynamic", "static"],
)


def uniform(shape, dtype="float32"):
    return np.random.default_rng(42).uniform(-3.0, 3.0, shape).astype(dtype)


def distribution_in(make, params, static):
    """Return statistics of `make(params)`, with the batch shape known or unknown."""
    names = {}

    def statistics(tensor):
        distribution = make(tensor)
        names["distribution"] = distribution
        return distribution.mean()

    if static:
        return make(params), make(params).mean()
    spec = tf.TensorSpec([None] * (params.ndim - 1) + [params.shape[-1]], params.dtype)
    mean = tf.function(statistics, input_signature=[spec], autograph=False)(params)
    return names["distribution"], mean


def softplus(raw):
    return np.logaddexp(0.0, raw)


# -- EndToEndTest (5): a VAE in each of Keras' three ways ----------------------------------------

BINARY = (np.random.default_rng(0).uniform(size=(200, 2, 2, 1)) > 0.75).astype("float32")


def likelihood():
    return layers.IndependentBernoulli((2, 2, 1), "logits")


def train(model):
    model.compile("adam", loss=kvae.losses.NegativeLogLikelihood(likelihood()))
    history = model.fit(BINARY, BINARY, batch_size=25, verbose=0, validation_data=(BINARY, BINARY))
    assert np.isfinite(history.history["val_loss"][0])
    output = likelihood().distribution(model(BINARY))
    assert isinstance(output, tfd.Independent)
    assert isinstance(output.distribution, tfd.Bernoulli)


def decoder():
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(layers.IndependentBernoulli.params_size([2, 2, 1]))]
    )


def test_sequential_vae_with_a_learned_prior_and_beta():
    """A variable as beta is a schedule here; a model as prior is a prior with weights."""
    prior = kvae.priors.GaussianMixture(2, 1)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior, weight=0.9)
    posterior = layers.MultivariateNormalTriL(2, activity_regularizer=kl)
    encoder = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(layers.MultivariateNormalTriL.params_size(2)),
            posterior,
        ]
    )
    vae = keras.Model(encoder.inputs[0], decoder()(encoder.outputs[0]))
    learned = len(prior.trainable_weights)
    assert learned > 0
    assert len(vae.trainable_weights) == 4 + learned
    train(vae)


def test_functional_vae_with_a_learned_prior_in_the_kl_layer():
    prior = kvae.priors.GaussianMixture(2, 1)
    posterior = layers.MultivariateNormalTriL(2)
    inputs = keras.Input((2, 2, 1))
    hidden = keras.layers.Dense(10, "relu")(keras.layers.Flatten()(inputs))
    params = keras.layers.Dense(posterior.params_size)(hidden)
    z = posterior(layers.KLDivergenceAddLoss(prior, weight=0.9, posterior=posterior)(params))
    hidden = keras.layers.Dense(10, "relu")(z)
    outputs = keras.layers.Dense(likelihood().params_size)(hidden)
    vae = keras.Model(inputs, outputs)
    assert len(vae.trainable_weights) == 4 + 4 + len(prior.trainable_weights)
    train(vae)


def test_subclassed_vae():
    class Encoder(keras.Model):
        def __init__(self):
            super().__init__()
            posterior = layers.MultivariateNormalTriL(2)
            prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
            self.steps = [
                keras.layers.Flatten(),
                keras.layers.Dense(10, "relu"),
                keras.layers.Dense(posterior.params_size),
                layers.KLDivergenceAddLoss(prior, weight=0.9, posterior=posterior),
                posterior,
            ]

        def call(self, inputs):
            for step in self.steps:
                inputs = step(inputs)
            return inputs

    inputs = keras.Input((2, 2, 1))
    train(keras.Model(inputs, decoder()(Encoder()(inputs))))


def test_sequential_vae_of_several_draws():
    """A lambda that draws twice is refused; the layer is called twice instead."""
    with pytest.raises(ValueError, match="Expected convert_to_tensor_fn"):
        layers.MultivariateNormalTriL(2, lambda s: s.sample(2, seed=42))

    class MeanOfBernoullis(keras.layers.Layer):
        def call(self, logits):  # (draws, B, ...)
            log_mean = tf.reduce_logsumexp(-tf.nn.softplus(-logits), axis=0) - np.log(2.0)
            return log_mean - tf.math.log1p(-tf.exp(log_mean))

    prior = kvae.priors.StandardNormal(2)
    posterior = layers.MultivariateNormalTriL(2)
    inputs = keras.Input((2, 2, 1))
    params = keras.layers.Dense(posterior.params_size)(keras.layers.Flatten()(inputs))
    params = layers.KLDivergenceAddLoss(prior, weight=0.9, posterior=posterior)(params)
    network = decoder()
    logits = keras.ops.stack([network(posterior(params)), network(posterior(params))])
    vae = keras.Model(inputs, MeanOfBernoullis()(logits))
    assert len(vae.trainable_weights) == 2 + 2
    train(vae)


def test_variables_beside_the_network_are_trained():
    """A closure's variable is a weight of `LearnedScale` here, a variable prior one of kvae's."""
    prior = kvae.priors.GaussianMixture(1, 1)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior, use_exact_kl=False)
    scale = layers.LearnedScale()
    regression = keras.Sequential(
        [keras.layers.Dense(1), scale, layers.IndependentNormal(1, activity_regularizer=kl)]
    )
    regression.build((None, 3))
    found = {id(weight) for weight in regression.trainable_variables}
    assert len(found) == 2 + 1 + len(prior.trainable_weights)
    assert id(scale.raw_scale) in found
    assert {id(weight) for weight in prior.trainable_weights} <= found


# -- DistributionLambdaSerializationTest (3), DistributionLambdaVariableCreation (1) --------------


@keras.saving.register_keras_serializable(package="tfp_cases")
def exponential_scale(params):
    return tfd.Normal(params[..., 0], tf.exp(params[..., 1]))


class Functions:
    @staticmethod
    @keras.saving.register_keras_serializable(package="tfp_cases")
    def mixture(params):
        return layers.MixtureSameFamily.new(params, 3, layers.IndependentNormal([2]))


ONE, COMPONENTS = tf.constant(1), np.array(3)


@keras.saving.register_keras_serializable(package="tfp_cases")
def with_arrays_around(params):
    return layers.MixtureSameFamily.new(params, COMPONENTS, layers.IndependentNormal(1 + ONE))


@pytest.mark.parametrize(
    ("function", "size"),
    [(exponential_scale, 2), (Functions.mixture, 15), (with_arrays_around, 15)],
    ids=["function", "static method", "closure over arrays and tensors"],
)
def test_a_distribution_lambda_is_saved_and_loaded(function, size, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(size),
            layers.DistributionLambda(function, "mean", params_shape=size),
        ]
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = uniform((4, 5))
    np.testing.assert_allclose(again(x), model(x), rtol=1e-6)
    y = uniform(model(x).shape)
    said = [each.layers[1].distribution(each.layers[0](x)).log_prob(y) for each in (model, again)]
    np.testing.assert_allclose(*said, rtol=1e-6)


@keras.saving.register_keras_serializable(package="tfp_cases")
def pixel_normals(params):
    loc, log_scale = tf.split(params, 2, axis=-1)
    return tfd.Independent(tfd.Normal(loc, tf.exp(log_scale)), 3)


def test_networks_for_location_and_scale_are_trained():
    """TFP's function calls the networks; here they stand before the layer."""
    inputs = keras.Input((3, 3, 1))
    loc = keras.layers.ZeroPadding2D(((0, 0), (1, 1)))(keras.layers.Conv2D(1, (1, 3))(inputs))
    scale = keras.layers.ZeroPadding2D(((1, 0), (0, 0)))(keras.layers.Conv2D(1, (2, 1))(inputs))
    params = keras.layers.Concatenate()([loc, scale])
    model = keras.Model(inputs, params)
    normal = layers.DistributionLambda(pixel_normals, params_shape=(3, 3, 2))
    model.compile("adam", loss=kvae.losses.NegativeLogLikelihood(normal))
    before = model.get_weights()
    x = uniform((50, 3, 3, 1))
    model.fit(x, x, batch_size=25, verbose=0, validation_data=(x, x))
    assert len(before) == 4
    for old, now in zip(before, model.get_weights(), strict=True):
        assert np.any(old != now)


# -- KLDivergenceAddLossTest (2) -----------------------------------------------------------------

LOC, SCALE_TRIL = [-1.0, 1.0], [[1.1, 0.0], [0.2, 1.3]]


def tril_params():
    """The raw parameters of LOC and SCALE_TRIL: TFP fills the triangle from its end."""
    raw = [raw_scale(value - 1e-5) for value in (1.1, 1.3)]
    return np.array([[*LOC, raw[1], 0.2, raw[0]]], "float32")


def true_kl():
    covariance = np.array(SCALE_TRIL) @ np.array(SCALE_TRIL).T
    return 0.5 * (np.trace(covariance) + 2.0 - 2.0 - np.log(np.linalg.det(covariance)))


@keras.saving.register_keras_serializable(package="tfp_cases")
def many_draws(posterior):
    return posterior.sample(1000, seed=[4, 2])


@pytest.mark.parametrize(("exact", "tolerance"), [(False, 0.15), (True, 1e-5)])
def test_kl_layer_adds_the_kl_once(exact, tolerance):
    prior = tfd.MultivariateNormalDiag(tf.zeros(2))
    posterior = layers.MultivariateNormalTriL(2)
    kl = layers.KLDivergenceAddLoss(
        prior, use_exact_kl=exact, test_points_fn=many_draws, posterior=posterior
    )
    model = keras.Sequential([kl, posterior])
    x = tril_params()
    distribution = posterior.distribution(x)
    np.testing.assert_allclose(distribution.loc, [LOC], rtol=1e-5)
    np.testing.assert_allclose(distribution.scale.to_dense()[0], SCALE_TRIL, rtol=1e-5, atol=1e-6)
    for _ in range(2):  # a second call replaces the losses of the first
        model(x)
        assert len(model.losses) == 1
    assert abs(float(model.losses[0]) - true_kl()) < tolerance


# -- MultivariateNormalTriLTest (3) --------------------------------------------------------------


def fill_triangle(raw, size):
    """Rows of the vector without its first `size` elements, then the vector reversed."""
    square = np.concatenate([raw[..., size:], raw[..., ::-1]], axis=-1)
    return np.tril(square.reshape(*raw.shape[:-1], size, size))


def check_tril(params, distribution):
    size = distribution.event_shape[0]
    assert isinstance(distribution, tfd.MultivariateNormalTriL)
    triangle = fill_triangle(params[..., size:].astype("float64"), size)
    diagonal = np.einsum("...ii->...i", triangle)
    diagonal[...] = softplus(diagonal) + 1e-5
    np.testing.assert_array_equal(distribution.loc, params[..., :size])
    np.testing.assert_allclose(distribution.scale.to_dense(), triangle, rtol=1e-5, atol=1e-6)


def test_tril_new_and_layer():
    params = uniform((2, 3, layers.MultivariateNormalTriL.params_size(4)))
    check_tril(params, layers.MultivariateNormalTriL.new(params, 4, validate_args=True))
    layer = layers.MultivariateNormalTriL(4, tfd.Distribution.mean)
    np.testing.assert_array_equal(layer(params), params[..., :4])
    check_tril(params, layer.distribution(params))


def test_tril_regression_stays_at_the_truth():
    """As in TFP's docstring, from the answer: the weights must not leave it."""
    rng = np.random.default_rng(0)
    kernel = np.array([[1.6180, 0.0], [-2.7183, 3.1416]], "float32")
    x = rng.normal(size=(1000, 2)).astype("float32")
    y = (x @ kernel + rng.normal(scale=0.01, size=(1000, 2))).astype("float32")
    true_kernel = np.pad(kernel, [[0, 0], [0, 3]])
    true_bias = np.array([0, 0, np.log(0.01), 0, np.log(0.01)], "float32")
    layer = layers.MultivariateNormalTriL(2)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(layer.params_size)])
    model.set_weights([true_kernel, true_bias])
    model.compile("adam", loss=kvae.losses.NegativeLogLikelihood(layer))
    model.fit(x, y, batch_size=100, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], true_kernel, atol=0.02)
    np.testing.assert_allclose(model.get_weights()[1], true_bias, atol=0.02)


# -- OneHotCategoricalTest (3), CategoricalMixtureOfOneHotCategoricalTest (3) ---------------------


def test_one_hot_new_and_layer():
    params = uniform((2, 3, layers.OneHotCategorical.params_size(4)))
    probs = np.exp(params) / np.exp(params).sum(axis=-1, keepdims=True)
    layer = layers.OneHotCategorical(4, validate_args=True)
    new = layers.OneHotCategorical.new(params, 4, validate_args=True)
    for distribution in (new, layer.distribution(params)):
        assert isinstance(distribution, tfd.OneHotCategorical)
        np.testing.assert_allclose(distribution.logits_parameter(), params, rtol=1e-6)
        np.testing.assert_allclose(distribution.probs_parameter(), probs, rtol=1e-5)
        np.testing.assert_allclose(distribution.mean(), probs, rtol=1e-5)
    assert set(np.unique(layer(params))) == {0.0, 1.0}


def softmax(logits, axis=-1):
    return np.exp(logits) / np.exp(logits).sum(axis=axis, keepdims=True)


def test_one_hot_mixture_new_and_layer():
    k, d = 2, 4
    params = uniform((2, 3, layers.CategoricalMixtureOfOneHotCategorical.params_size(d, k)))
    components = params[..., k:].reshape(2, 3, k, d)
    mean = (softmax(params[..., :k])[..., None] * softmax(components)).sum(axis=-2)
    layer = layers.CategoricalMixtureOfOneHotCategorical(d, k, validate_args=True)
    cls = layers.CategoricalMixtureOfOneHotCategorical
    for distribution in (
        cls.new(params, d, k, validate_args=True),
        layer.distribution(params),
    ):
        assert isinstance(distribution.mixture_distribution, tfd.Categorical)
        assert isinstance(distribution.components_distribution, tfd.OneHotCategorical)
        np.testing.assert_allclose(distribution.mixture_distribution.logits, params[..., :k])
        np.testing.assert_allclose(distribution.components_distribution.logits, components)
        np.testing.assert_allclose(distribution.mean(), mean, rtol=1e-5)
        np.testing.assert_allclose(np.exp(distribution.log_mean()), mean, rtol=1e-5)
        draws = np.asarray(distribution.sample(10_000, seed=[4, 2])).mean(axis=0)
        error = np.sqrt(mean * (1.0 - mean) / 10_000)
        assert np.all(np.abs(draws - mean) < 5 * error)
    log_mean = cls(d, k, "log_mean")(params)
    np.testing.assert_allclose(log_mean, np.log(mean), rtol=1e-4, atol=1e-6)


def classes_of_a_line(n=1000):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)).astype("float32")
    logit = 0.3142 + x @ [1.6180, -2.7183]
    ones = rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-logit))
    return x, np.stack([~ones, ones], axis=1).astype("float32")


@pytest.mark.parametrize(
    "layer",
    [layers.OneHotCategorical(2), layers.CategoricalMixtureOfOneHotCategorical(2, 2)],
    ids=["one-hot", "mixture of one-hot"],
)
def test_one_hot_regression_trains(layer):
    x, y = classes_of_a_line()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(layer.params_size)])
    model.compile(keras.optimizers.Adam(0.1), loss=kvae.losses.NegativeLogLikelihood(layer))
    loss = model.fit(x, y, batch_size=100, epochs=5, verbose=0).history["loss"]
    assert loss[-1] < 0.9 * loss[0]
    right = np.argmax(layer.distribution(model(x)).mean(), axis=1) == np.argmax(y, axis=1)
    assert right.mean() > 0.8


# -- _IndependentLayerTest (12 of 3), and their documented examples (4) ---------------------------

INDEPENDENT = {
    "bernoulli": (layers.IndependentBernoulli, tfd.Bernoulli),
    "logistic": (layers.IndependentLogistic, tfd.Logistic),
    "normal": (layers.IndependentNormal, tfd.Normal),
    "poisson": (layers.IndependentPoisson, tfd.Poisson),
}
INDEPENDENT_CASES = pytest.mark.parametrize("name", INDEPENDENT)


def parameters_back(distribution, count):
    """The raw parameters that a distribution was made of, flat over the event."""
    if isinstance(distribution, tfd.Bernoulli):
        parts = [distribution.logits]
    elif isinstance(distribution, tfd.Poisson):
        parts = [distribution.log_rate]
    else:
        parts = [distribution.loc, tfp.math.softplus_inverse(distribution.scale)]
    return np.concatenate([np.reshape(part, (*part.shape[:count], -1)) for part in parts], axis=-1)


def check_independent(params, distribution, kind):
    assert isinstance(distribution, tfd.Independent)
    assert isinstance(distribution.distribution, kind)
    assert distribution.dtype == params.dtype
    back = parameters_back(distribution.distribution, params.ndim - 1)
    np.testing.assert_allclose(back, params, rtol=1e-4, atol=1e-5)


@INDEPENDENT_CASES
@KINDS
def test_independent_new_takes_sizes_as_arrays(name, as_size, dtype, static):
    cls, kind = INDEPENDENT[name]
    event_shape = as_size([2, 1, 2])
    params = uniform((2, cls.params_size(event_shape)), dtype)

    def make(tensor):
        return cls.new(tensor, event_shape, validate_args=True)

    check_independent(params, make(params), kind)
    distribution, mean = distribution_in(make, params, static)
    assert distribution.event_shape == (2, 1, 2)
    np.testing.assert_allclose(mean, make(params).mean(), rtol=1e-6)


@INDEPENDENT_CASES
@KINDS
def test_independent_layer_has_scalar_events_by_default(name, as_size, dtype, static):
    cls, kind = INDEPENDENT[name]
    size = cls.params_size()
    assert type(size) is int
    params = uniform((5, 5, size), dtype)
    layer = cls(validate_args=True, dtype=dtype)
    assert layer(params).dtype == dtype
    check_independent(params, layer.distribution(params), kind)
    _, mean = distribution_in(layer.distribution, params, static)
    assert mean.shape == (5, 5)


@INDEPENDENT_CASES
@KINDS
def test_independent_layer_is_saved_and_loaded(name, as_size, dtype, static, tmp_path):
    cls, _ = INDEPENDENT[name]
    size = cls.params_size([])
    model = keras.Sequential(
        [
            keras.Input((1, size), dtype=dtype),
            keras.layers.Dense(size, dtype=dtype),
            cls([], "mean", validate_args=True, dtype=dtype),
        ]
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = uniform((4, 1, size), dtype)
    assert model(x).dtype == dtype
    np.testing.assert_allclose(again(x), model(x), rtol=1e-6)
    ones = np.ones((7, 4, 1), dtype)
    said = [
        each.layers[1].distribution(each.layers[0](x)).log_prob(ones) for each in (model, again)
    ]
    np.testing.assert_allclose(*said, rtol=1e-6)


@pytest.mark.parametrize("as_size", SIZES.values(), ids=SIZES)
def test_independent_normal_reads_a_reshaped_network(as_size):
    """TFP's sequential model of unknown input size; Keras 3 wants the last axis known."""
    encoded = as_size([2])
    size = layers.IndependentNormal.params_size(encoded)
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(12, "relu"),
            keras.layers.Reshape((-1, size)),
            layers.IndependentNormal(encoded),
        ]
    )
    x = uniform((1, 28, 28, 1))
    assert encoder.predict_on_batch(x).shape == (1, 3, 2)
    assert encoder(x).shape == (1, 3, 2)


def test_bernoulli_regression_finds_the_truth():
    rng = np.random.default_rng(0)
    kernel = np.array([[1.6180, 0.0], [-2.7183, 3.1416]])
    x = rng.normal(size=(10_000, 2)).astype("float32")
    p = 1.0 / (1.0 + np.exp(-(x @ kernel + rng.normal(scale=0.01, size=(10_000, 2)))))
    y = (rng.uniform(size=p.shape) < p).reshape(-1, 1, 2, 1).astype("float32")
    layer = layers.IndependentBernoulli(y.shape[1:])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(layer.params_size)])
    model.compile(
        keras.optimizers.Adam(0.5), loss=kvae.losses.NegativeLogLikelihood(layer), jit_compile=False
    )
    for _ in range(100):
        model.train_on_batch(x, y)
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=0.15, rtol=0.15)
    np.testing.assert_allclose(model.get_weights()[1], 0.0, atol=0.15)


@pytest.mark.parametrize("cls", [layers.IndependentLogistic, layers.IndependentNormal])
def test_encoder_in_float64_draws_float64(cls):
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1), dtype="float64"),
            keras.layers.Flatten(dtype="float64"),
            keras.layers.Dense(10, "relu", dtype="float64"),
            keras.layers.Dense(cls.params_size(2), dtype="float64"),
            cls(2, dtype="float64"),
        ]
    )
    x = uniform((1, 28, 28, 1), "float64")
    assert encoder.predict_on_batch(x).shape == (1, 2)
    assert encoder(x).shape == (1, 2)
    assert encoder(x).dtype == "float64"


def test_poisson_regression_trains():
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 10.0, (2000, 4))
    rate = np.exp(x @ [[0.314], [0.272], [-0.162], [0.058]] - 0.141)
    y = rng.poisson(rate).astype("float64")
    layer = layers.IndependentPoisson(1, dtype="float64")
    model = keras.Sequential(
        [keras.Input((4,), dtype="float64"), keras.layers.Dense(layer.params_size, dtype="float64")]
    )
    loss = kvae.losses.NegativeLogLikelihood(layer, dtype="float64")
    model.compile(keras.optimizers.Adam(0.05), loss=loss, jit_compile=False)
    losses = [model.train_on_batch(x, y) for _ in range(200)]
    truth = -scipy.stats.poisson.logpmf(y, rate).mean()
    assert truth < losses[-1] < min(losses[0], truth + 1.0)


# -- _MixtureLayerTest (4 of 4) and _MixtureSameFamilyTest (2 of 3) -------------------------------

MIXTURES = {
    "logistic": (layers.MixtureLogistic, tfd.Logistic),
    "normal": (layers.MixtureNormal, tfd.Normal),
}
MIXTURE_CASES = pytest.mark.parametrize("name", MIXTURES)


def check_mixture(params, distribution, components, kind):
    assert isinstance(distribution.mixture_distribution, tfd.Categorical)
    inner = distribution.components_distribution
    assert isinstance(inner, tfd.Independent)
    assert isinstance(inner.distribution, kind)
    assert distribution.dtype == params.dtype
    batch = params.ndim - 1
    back = parameters_back(inner.distribution, batch + 1)  # (batch..., k, size)
    back = np.concatenate(
        [distribution.mixture_distribution.logits, back.reshape(*params.shape[:-1], -1)], axis=-1
    )
    np.testing.assert_allclose(back, params, rtol=1e-4, atol=1e-5)


@MIXTURE_CASES
@KINDS
@pytest.mark.parametrize(("components", "event"), [(4, 3), (3, [4, 2])], ids=["vector", "matrix"])
def test_mixture_new_and_layer_take_sizes_as_arrays(
    name, as_size, dtype, static, components, event
):
    cls, kind = MIXTURES[name]
    k, event_shape = as_size(components), as_size(event)
    params = uniform((7, 3, cls.params_size(k, event_shape)), dtype)

    def make(tensor):
        return cls.new(tensor, k, event_shape, validate_args=True)

    layer = cls(k, event_shape, validate_args=True, dtype=dtype)
    check_mixture(params, make(params), components, kind)
    check_mixture(params, layer.distribution(params), components, kind)
    distribution, mean = distribution_in(make, params, static)
    assert distribution.event_shape == layer.event_shape
    np.testing.assert_allclose(mean, make(params).mean(), rtol=1e-5, atol=1e-6)
    assert layer(params).shape == (7, 3, *layer.event_shape)


@MIXTURE_CASES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mixture_is_saved_and_loaded(name, dtype, tmp_path):
    cls, _ = MIXTURES[name]
    size = cls.params_size(3, [])
    model = keras.Sequential(
        [
            keras.Input((size,), dtype=dtype),
            keras.layers.Dense(size, dtype=dtype),
            cls(3, [], "mean", validate_args=True, dtype=dtype),
        ]
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = uniform((7, size), dtype)
    assert model(x).dtype == dtype
    np.testing.assert_allclose(again(x), model(x), rtol=1e-6)
    ones = np.ones((3, 2, 7), dtype)
    said = [
        each.layers[1].distribution(each.layers[0](x)).log_prob(ones) for each in (model, again)
    ]
    np.testing.assert_allclose(*said, rtol=1e-6)


@pytest.mark.parametrize("as_size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("family", ["logistic", "normal", "same family"])
def test_mixture_density_network_of_a_cardioid_trains(as_size, family):
    rng = np.random.default_rng(0)
    t = rng.uniform(-np.pi, np.pi, (2000, 1))
    r = 2.0 * (1.0 - np.cos(t))
    x = (r * np.sin(t) + rng.normal(scale=0.1, size=t.shape)).astype("float32")
    y = (r * np.cos(t) + rng.normal(scale=0.1, size=t.shape)).astype("float32")
    k, event_shape = as_size(5), as_size([1])
    if family == "same family":
        layer = layers.MixtureSameFamily(k, layers.IndependentNormal(event_shape))
        component = layers.IndependentNormal.params_size(event_shape)
        assert layers.MixtureSameFamily.params_size(k, component) == 15
    else:
        layer = MIXTURES[family][0](k, event_shape)
        assert MIXTURES[family][0].params_size(k, event_shape) == 15
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(12, "relu"), keras.layers.Dense(15)]
    )
    model.compile(keras.optimizers.Adam(0.02), loss=kvae.losses.NegativeLogLikelihood(layer))
    losses = model.fit(x, y, batch_size=100, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


@KINDS
@pytest.mark.parametrize(("components", "size"), [(4, 3), (3, 4)])
def test_mixture_of_full_covariances_takes_sizes_as_arrays(
    as_size, dtype, static, components, size
):
    k, event_size = as_size(components), as_size(size)
    component = layers.MultivariateNormalTriL.params_size(event_size)
    total = layers.MixtureSameFamily.params_size(k, component)
    params = uniform((4, 2, total), dtype)
    normal = layers.MultivariateNormalTriL(event_size, validate_args=True, dtype=dtype)

    def make(tensor):
        return layers.MixtureSameFamily.new(tensor, k, normal, validate_args=True)

    layer = layers.MixtureSameFamily(k, normal, validate_args=True, dtype=dtype)
    for distribution in (make(params), layer.distribution(params)):
        np.testing.assert_array_equal(
            distribution.mixture_distribution.logits, params[..., :components]
        )
        inner = params[..., components:].reshape(4, 2, components, component)
        check_tril(inner, distribution.components_distribution)
    distribution, mean = distribution_in(make, params, static)
    assert distribution.event_shape == (size,)
    np.testing.assert_allclose(mean, make(params).mean(), rtol=1e-5, atol=1e-6)


# -- VariationalGaussianProcessEndToEnd (1) ------------------------------------------------------


def test_the_gaussian_process_layer_is_not_there():
    """docs/from_tfp_layers.md says what to do instead."""
    assert not hasattr(layers, "VariationalGaussianProcess")
