"""What would train without an error and learn nothing is refused, with advice."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.conformance.case import LayerCase
from tests.conformance.cases import collect
from tests.layers.weighted import WeightedNormal

tfd, layers = tfp.distributions, kvae.layers


@pytest.mark.parametrize("make", [tf.Variable, keras.Variable])
@pytest.mark.parametrize(
    "use",
    [
        lambda value: kvae.regularizers.KLDivergenceRegularizer(
            kvae.priors.StandardNormal(2), weight=value
        ),
        lambda value: kvae.regularizers.Capacity(kvae.priors.StandardNormal(2), capacity=value),
    ],
    ids=["weight", "capacity"],
)
def test_a_variable_as_a_regularizers_number_is_refused(make, use):
    with pytest.raises(ValueError, match=r"read only once.*Linear.*schedules.*Received: .*="):
        use(make(0.5))


@pytest.mark.parametrize("make", [tf.Variable, keras.Variable])
def test_a_variable_within_a_schedule_is_refused(make):
    with pytest.raises(ValueError, match=r"Expected end to be a number.*read only once"):
        kvae.regularizers.schedules.Linear(10, end=make(0.5))


@pytest.mark.parametrize(
    "prior",
    [
        lambda: tfd.MultivariateNormalDiag(tf.Variable(tf.zeros(2)), tf.ones(2)),
        lambda: tfd.Independent(tfd.Normal(tf.Variable([0.0, 0.0]), 1.0), 1),
        lambda: tfd.Independent(
            tfd.Normal(tf.zeros(2), tfp.util.TransformedVariable(tf.ones(2), tfp.bijectors.Exp())),
            1,
        ),
        lambda: tfd.MultivariateNormalDiag(tf.Variable(tf.zeros(2), trainable=False)),
    ],
    ids=["loc", "independent", "transformed", "not trainable"],
)
def test_a_tfd_prior_with_variables_is_refused(prior):
    with pytest.raises(ValueError, match=r"prior without variables.*GaussianMixture.*Received"):
        kvae.regularizers.KLDivergenceRegularizer(prior())


SCALE = tf.Variable(1.0, name="side_scale")
NETWORK = keras.layers.Dense(1, name="side_network")


@keras.saving.register_keras_serializable(package="test_trainability")
def with_variable(params):
    return tfd.Normal(params[..., 0], tf.nn.softplus(SCALE))


@keras.saving.register_keras_serializable(package="test_trainability")
def with_deferred_variable(params):
    return tfd.Normal(params[..., 0], SCALE)


@keras.saving.register_keras_serializable(package="test_trainability")
def with_network(params):
    return tfd.Normal(NETWORK(params)[..., 0], 1.0)


@pytest.mark.parametrize("function", [with_variable, with_deferred_variable, with_network])
@pytest.mark.parametrize("known", [True, False], ids=["params_shape", "first call"])
def test_a_function_that_reads_a_variable_is_refused(function, known):
    if known:
        with pytest.raises(ValueError, match=r"on its params alone.*Received: .*(side_|kernel)"):
            layers.DistributionLambda(function, params_shape=2)
        return
    layer = layers.DistributionLambda(function)
    with pytest.raises(ValueError, match="depend on its params alone"):
        layer(keras.Input((2,)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.InverseAutoregressiveFlow(2),
        lambda: layers.MixtureSameFamily(2, WeightedNormal(2)),
        lambda: layers.Columns([layers.IndependentNormal(), WeightedNormal(())]),
    ],
    ids=["flow", "mixture", "columns"],
)
def test_a_likelihood_with_weights_is_refused_in_a_loss(make):
    with pytest.raises(ValueError, match=r"likelihood without weights.*kvae.VAE.*Received"):
        kvae.losses.NegativeLogLikelihood(make())


def test_a_likelihood_with_weights_is_trained_in_a_vae(make_vae, grey):
    vae = make_vae(64, likelihood=WeightedNormal(64))
    vae.compile(optimizer="adam")
    (weight,) = vae.likelihood_layer.trainable_weights
    assert any(weight is each for each in vae.trainable_weights)
    before = np.array(weight)
    vae.fit(grey.reshape(-1, 64), epochs=1, verbose=0)
    assert np.any(before != np.array(weight))


@pytest.mark.parametrize("case", collect(LayerCase))
def test_reparameterized_says_whether_draws_carry_a_gradient(case):
    layer, (params, _) = case.make(seed=1), case.arrays()
    params = tf.constant(params)
    with tf.GradientTape() as tape:
        tape.watch(params)
        distribution = layer.distribution(params)
        draw = tf.cast(distribution.sample(seed=[1, 2]), tf.float32)
    gradient = tape.gradient(draw, params)
    carries = gradient is not None and bool(np.any(gradient[:, -1]))
    assert kvae.layers.reparameterized(distribution) is case.reparameterized
    if case.reparameterized:
        assert carries


def test_the_check_names_the_posteriors_that_can_be_trained():
    layer = layers.OneHotCategorical(3, name="codes")
    distribution = layer.distribution(tf.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"OneHotCategorical 'codes'.*MultivariateNormalDiag"):
        kvae.layers.trainability.check_reparameterized(layer, distribution)
    good = layers.MultivariateNormalDiag(2)
    kvae.layers.trainability.check_reparameterized(good, good.distribution(tf.zeros((1, 4))))
