import json

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import assert_same_in_float32

tfd, layers = tfp.distributions, kvae.layers


def unpack(params, components, event_size):
    """Return logits (k,), loc (k, d) and scale (k, d) of one flat vector, in NumPy."""
    logits, rest = params[:components], params[components:].reshape(components, 2, event_size)
    return logits, rest[:, 0], np.log1p(np.exp(rest[:, 1]))


@pytest.mark.parametrize(
    ("cls", "family"), [("MixtureNormal", "norm"), ("MixtureLogistic", "logistic")]
)
def test_log_prob_is_the_logsumexp_of_scipys_components(cls, family):
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=(50, 15)), 2.0 * rng.normal(size=(50, 2))
    expected = []
    for row, value in zip(params, x, strict=True):
        logits, loc, scale = unpack(row, 3, 2)
        each = getattr(scipy.stats, family)(loc, scale).logpdf(value).sum(-1)
        expected.append(scipy.special.logsumexp(scipy.special.log_softmax(logits) + each))
    layer = getattr(layers, cls)(3, 2)
    found = layer.distribution(params.astype("float32")).log_prob(x.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_log_prob_of_full_covariance_components_is_scipys():
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=12).astype("float32"), rng.normal(size=(20, 2)).astype("float32")
    joint = []
    weights = scipy.special.log_softmax(params[:2])
    for weight, (*loc, a, b, c) in zip(weights, params[2:].reshape(2, 5), strict=True):
        # TFP fills the triangle from its lower right corner.
        tril = np.array([[np.log1p(np.exp(c)), 0.0], [b, np.log1p(np.exp(a))]])
        tril[np.diag_indices(2)] += 1e-5
        joint.append(weight + scipy.stats.multivariate_normal(loc, tril @ tril.T).logpdf(x))
    layer = layers.MixtureSameFamily(2, layers.MultivariateNormalTriL(2))
    expected = scipy.special.logsumexp(joint, axis=0)
    np.testing.assert_allclose(layer.distribution(params).log_prob(x), expected, rtol=1e-4)


@pytest.mark.parametrize("cls", ["MixtureNormal", "MixtureLogistic"])
def test_density_integrates_to_one(cls):
    x = np.linspace(-90.0, 90.0, 200_001)
    params = np.random.default_rng(0).normal(size=12).astype("float32")
    density = getattr(layers, cls)(4).distribution(params).prob(x.astype("float32"))
    assert abs(np.trapezoid(density, x) - 1.0) < 1e-3


@pytest.mark.parametrize("cls", ["MixtureNormal", "MixtureLogistic"])
def test_draws_have_the_mean_and_the_stddev(cls):
    params = np.random.default_rng(0).normal(size=(1, 15)).astype("float32")
    layer = getattr(layers, cls)(3, 2, seed=1)
    draws = layer(np.tile(params, (100_000, 1)), training=True).numpy()
    mean, stddev = layer.mean(params)[0], layer.distribution(params).stddev()[0]
    # Five standard errors, with a kurtosis of at most 7 in the stddev's.
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * stddev / np.sqrt(1e5))
    assert np.all(np.abs(draws.std(0) - stddev) < 5 * stddev * np.sqrt(6.0 / 4e5))


def test_mean_is_the_weighted_mean_of_the_components():
    params = np.random.default_rng(0).normal(size=(1, 15)).astype("float32")
    logits, loc, _ = unpack(params[0], 3, 2)
    expected = scipy.special.softmax(logits) @ loc
    np.testing.assert_allclose(layers.MixtureNormal(3, 2).mean(params), [expected], rtol=1e-5)


def test_categorical_mixture_gives_the_classes_their_weighted_probabilities():
    params = np.random.default_rng(0).normal(size=15).astype("float32")
    weights = scipy.special.softmax(params[:3])
    expected = weights @ scipy.special.softmax(params[3:].reshape(3, 4), axis=-1)
    layer = layers.CategoricalMixtureOfOneHotCategorical(4, 3, "log_mean")
    mixture = layer.distribution(params)
    np.testing.assert_allclose(mixture.prob(np.eye(4, dtype="float32")), expected, rtol=1e-5)
    np.testing.assert_allclose(mixture.mean(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer(params[None]), np.log(expected)[None], rtol=1e-5)
    assert abs(np.sum(expected) - 1.0) < 1e-6


def test_categorical_mixture_draws_with_the_probabilities():
    params = np.random.default_rng(0).normal(size=(1, 15)).astype("float32")
    layer = layers.CategoricalMixtureOfOneHotCategorical(4, 3, seed=1, sample_dtype="int32")
    draws = layer(np.tile(params, (100_000, 1)), training=True).numpy()
    p = layer.mean(params)[0].numpy()
    assert np.all(draws.sum(-1) == 1)
    assert np.all(np.abs(draws.mean(0) - p) < 5 * np.sqrt(p * (1 - p) / 1e5))  # 5 standard errors


def test_one_component_far_away_and_tiny_leaves_the_gradient_finite():
    # Its density is exp(-inf) = 0, and its gradient 0 * inf; TFP's is NaN here.
    params = tf.Variable([[0.0, 0.0, 0.0, 0.5, 3.0, -60.0]])
    with tf.GradientTape() as tape:
        value = layers.MixtureNormal(2).distribution(params).log_prob([1.0])
    expected = np.log(0.5) + scipy.stats.norm(0.0, np.log1p(np.exp(0.5))).logpdf(1.0)
    np.testing.assert_allclose(value, [expected], rtol=1e-5)
    gradient = tape.gradient(value, params).numpy()[0]
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[4:], 0.0)
    assert np.all(gradient[:4] != 0.0)


def moments_gradient(params):
    """Gradient of E[sum x^2 + x_0 x_1] under a mixture of two normals, from its closed form."""
    params = tf.Variable(params)
    with tf.GradientTape() as tape:
        weights = tf.nn.softmax(params[:2])
        components = tf.reshape(params[2:], (2, 4))
        loc, scale = components[:, :2], tf.math.softplus(components[:, 2:])
        squares = tf.reduce_sum(tf.square(loc) + tf.square(scale), axis=-1)
        value = tf.reduce_sum(weights * (squares + loc[:, 0] * loc[:, 1]))
    return tape.gradient(value, params).numpy()


@pytest.mark.slow
def test_draws_of_a_posterior_carry_the_right_gradient_to_every_parameter():
    params = np.array([0.3, -0.2, 1.0, 0.5, -0.2, 0.1, -1.0, 0.2, 0.4, 0.3], "float32")
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    layer = layers.MixtureNormal(2, 2, activity_regularizer=kl)
    many = tf.Variable(np.tile(params, (50_000, 1)))
    with tf.GradientTape() as tape:
        x = layer(many, training=True)
        value = tf.reduce_sum(tf.square(x)) + tf.reduce_sum(x[:, 0] * x[:, 1])
    gradients = tape.gradient(value, many).numpy()
    error = 5 * gradients.std(0) / np.sqrt(50_000)  # five standard errors
    assert np.all(np.abs(gradients.mean(0) - moments_gradient(params)) < error)
    assert np.all(error < 0.15)


def test_draws_of_a_likelihood_are_tfps_and_cost_no_reparameterization():
    params = np.zeros((1, 10), "float32")
    assert not layers.MixtureNormal(2, 2).distribution(params).parameters["reparameterize"]
    asked = layers.MixtureNormal(2, 2, reparameterize=True)
    assert asked.distribution(params).parameters["reparameterize"]


@pytest.mark.slow
@pytest.mark.parametrize("cls", ["MixtureNormal", "MixtureLogistic"])
def test_parameters_at_the_extremes_give_finite_monte_carlo_kl_and_gradients(cls):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    layer = getattr(layers, cls)(3, 2, activity_regularizer=kl)
    params = np.random.default_rng(0).uniform(-1e4, 1e4, (500, 15)).astype("float32")
    params = tf.Variable(params)
    with tf.GradientTape() as tape:
        draws = layer(params, training=True)
        penalty = sum(layer.losses)
    assert np.all(np.isfinite(draws))
    assert np.isfinite(penalty)
    assert np.all(np.isfinite(tape.gradient(penalty, params)))


@pytest.mark.parametrize("draws", [None, 3])
def test_draws_are_finite_where_a_density_overflows(draws):
    """Those of a VAE, which come from `draw`, as those of the layer's call."""
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    layer = layers.MixtureNormal(3, 2, activity_regularizer=kl)
    params = np.random.default_rng(0).uniform(-1e4, 1e4, (500, 15)).astype("float32")
    params = tf.Variable(params)
    with tf.GradientTape() as tape:
        distribution = layer.distribution(params)
        found = layer.draw(distribution, (0, 1), draws)
        total = tf.reduce_sum(found)
    assert np.isnan(distribution.sample(seed=(0, 1))).any()
    assert np.all(np.isfinite(found))
    assert np.all(np.isfinite(tape.gradient(total, params)))


def test_component_layer_must_be_a_distribution_layer_without_a_penalty_of_its_own():
    with pytest.raises(ValueError, match="Expected component_layer to be a kvae"):
        layers.MixtureSameFamily(2, keras.layers.Dense(2))
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    with pytest.raises(ValueError, match="give it to the mixture"):
        layers.MixtureSameFamily(2, layers.IndependentNormal(2, activity_regularizer=kl))


@pytest.mark.parametrize(
    "component",
    [
        layers.NormalLikelihood(2, scale="optimal"),
        layers.Columns([layers.NormalLikelihood(scale="optimal")]),
        layers.Transformed(
            layers.NormalLikelihood(2, scale="optimal"), kvae.transforms.Standardization(0.0, 1.0)
        ),
        layers.Transformed(layers.IndependentNormal(2), kvae.transforms.Standardization()),
    ],
)
def test_components_that_take_a_scale_or_a_transform_from_data_are_refused(component):
    with pytest.raises(ValueError, match=r"Transformed\(mixture, transform\)"):
        layers.MixtureSameFamily(2, component)


def test_components_whose_transform_is_not_affine_are_refused():
    logarithmic = layers.Transformed(layers.IndependentNormal(2), kvae.transforms.Log())
    with pytest.raises(ValueError, match="Expected components whose transform is affine"):
        layers.MixtureSameFamily(2, logarithmic)


def test_components_with_a_transform_of_given_numbers_are_taken():
    given = kvae.transforms.Standardization(300.0, 10.0)
    standardized = layers.Transformed(layers.IndependentNormal(()), given, name="a")
    component = layers.Columns([standardized, layers.IndependentBernoulli((), name="b")])
    layer = layers.MixtureSameFamily(1, component)
    params = np.array([[0.0, 0.5, 1.0, 2.0]], "float32")
    expected = scipy.stats.norm(305.0, 10.0 * np.log1p(np.e)).logpdf(310.0) - np.log1p(np.exp(-2.0))
    found = layer.log_prob(params, [[310.0, 1.0]])
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    x = np.array([[310.0, 1.0]], "float32")
    np.testing.assert_allclose(layer.features(x), [[1.0, 1.0]])  # what an encoder sees
    np.testing.assert_allclose(layer.log_derivative(x), [-np.log(10.0)], rtol=1e-6)
    column = layers.Transformed(layers.IndependentNormal(), given)
    mixture = layers.MixtureSameFamily(2, layers.Transformed(layers.IndependentNormal(), given))
    with pytest.raises(ValueError, match="Expected each column to have a transform of its own"):
        layers.Columns([mixture, column])
    mean = layer.convert(layer.distribution(params), "mean")
    np.testing.assert_allclose(mean, [[305.0, 1.0 / (1.0 + np.exp(-2.0))]], rtol=1e-5)


def test_components_with_a_fixed_scale_are_taken():
    layer = layers.MixtureSameFamily(1, layers.NormalLikelihood(2, scale=0.5))
    expected = scipy.stats.norm(0.0, 0.5).logpdf([1.0, 2.0]).sum()
    found = layer.log_prob(np.zeros((1, 3)), [[1.0, 2.0]])
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_a_mixture_has_no_mode():
    with pytest.raises(ValueError, match="convert_to_tensor_fn"):
        layers.MixtureNormal(2, 1, "mode")


def test_domain_is_that_of_the_components():
    poissons = layers.MixtureSameFamily(2, layers.IndependentPoisson(3))
    assert poissons.domain.integer
    assert layers.CategoricalMixtureOfOneHotCategorical(3, 2).domain.high == 1.0


@keras.saving.register_keras_serializable(package="test_mixture")
class LearnedScale(layers.DistributionLayer):
    """Normals about the params, with one learned scale."""

    def build(self, input_shape):
        self.log_scale = self.add_weight(shape=(), initializer="zeros", name="log_scale")
        super().build(input_shape)

    def make_distribution(self, params):
        normal = tfd.Normal(params, tf.exp(self.log_scale.value))
        return tfd.Independent(normal, len(self.event_shape))


def test_a_learned_component_keeps_its_weights_in_the_file(tmp_path):
    layer = layers.MixtureSameFamily(2, LearnedScale(3), "stddev")
    inputs = keras.Input(layer.params_shape)
    model = keras.Model(inputs, layer(inputs))
    (weight,) = layer.trainable_weights
    weight.assign(1.0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    stddev = loaded(np.zeros((1, *layer.params_shape), "float32"))
    np.testing.assert_allclose(stddev, np.full((1, 3), np.e), rtol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        layers.MixtureNormal(2, (2, 2), "mean"),
        layers.MixtureLogistic(2, 3, "mean", reparameterize=True),
        layers.MixtureSameFamily(2, layers.MultivariateNormalTriL(2), "mean"),
        layers.CategoricalMixtureOfOneHotCategorical(3, 2, "log_mean", "int32"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_keras_file_gives_the_layer_back(layer, tmp_path):
    inputs = keras.Input(layer.params_shape)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(4, *layer.params_shape)).astype("float32")
    assert_same_in_float32(loaded(x), model(x))
    assert json.dumps(loaded.layers[-1].get_config()) == json.dumps(layer.get_config())


def test_the_center_of_classes_is_the_most_probable_one():
    """Component one is sure of class 0, the other one of class 2: class 1 lies between them."""
    layer = layers.MixtureSameFamily(2, layers.IndependentCategorical(1, 3))
    params = np.array([[2.0, 0.0, 9, 0, 0, 0, 0, 9], [0.0, 2.0, 9, 0, 0, 0, 0, 9]], "float32")
    np.testing.assert_array_equal(layer.center(params), [[0.0], [2.0]])
    with pytest.raises(ValueError, match=r"Expected one of .* of a mixture of IndependentCat"):
        layer.mean(params)


def test_several_mixtures_of_classes_are_centered_on_the_most_probable_class():
    """As `impute` needs it: two equally likely draws, one sure of 0, the other of 2, by 0.6."""
    layer = layers.MixtureSameFamily(2, layers.IndependentCategorical(1, 3))
    first, second = [0.0, 0.0, 9, 0, 0, 9, 0, 0], [0.0, 0.0, 0, 0, 9, 0, 0, 9]
    params = np.array([[first, first], [second, second]], "float32")
    found = layer.weighted_center(params, np.array([[0.6, 0.4], [0.4, 0.6]], "float32"))
    np.testing.assert_array_equal(found, [[0.0], [2.0]])


def test_the_center_of_columns_is_that_of_each(rng):
    columns = [layers.IndependentNormal(name="n"), layers.IndependentCategorical((), 4, name="c")]
    layer = layers.MixtureSameFamily(3, layers.Columns(columns))
    params = rng.normal(size=(5, layer.params_size)).astype("float32")
    weights = scipy.special.softmax(params[:, :3], axis=1)
    blocks = params[:, 3:].reshape(5, 3, 6)
    classes = scipy.special.softmax(blocks[..., 2:], axis=2)
    found = np.array(layer.center(params))
    np.testing.assert_allclose(found[:, 0], (weights * blocks[..., 0]).sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found[:, 1], np.einsum("bk,bkc->bc", weights, classes).argmax(1))


def test_a_mixture_converts_to_what_its_components_do():
    with pytest.raises(ValueError, match="convert_to_tensor_fn"):
        layers.MixtureSameFamily(2, layers.DiscretizedLogistic(3), "stddev")
