"""One battery over every prior."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.conformance.case import PriorCase
from tests.conformance.cases import collect
from tests.helpers import assert_same_in_float32, dtype_policy, graph_and_xla, relative
from tests.penalties import exact_kl

FLOAT32 = 1e-5  # the order of float32 additions

every_prior = pytest.mark.parametrize("case", collect(PriorCase))


@every_prior
def test_its_distribution_is_one_vector(case):
    prior, (_, values) = case.make(), case.arrays()
    distribution = prior.distribution()
    assert tuple(distribution.event_shape) == prior.event_shape
    assert tuple(distribution.batch_shape) == ()
    assert distribution.log_prob(values).shape == (len(values),)
    assert np.all(np.isfinite(distribution.log_prob(values)))


@every_prior
def test_its_draws_are_reproducible_and_finite(case):
    distribution = case.make().distribution()
    first, again, other = (distribution.sample(50, seed=[0, n]) for n in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.all(np.isfinite(distribution.log_prob(first)))


@every_prior
def test_log_prob_sends_a_finite_gradient_to_every_weight(case):
    prior, (_, values) = case.make(), case.arrays()
    prior.distribution()
    weights = [weight.value for weight in prior.trainable_weights]
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(prior.distribution().log_prob(values))
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.name
        assert np.all(np.isfinite(gradient)), weight.name
        assert np.any(np.asarray(gradient) != 0), weight.name


@every_prior
def test_the_exact_kl_agrees_with_monte_carlo(case):
    """Within five standard errors of the estimate, for each of several posteriors."""
    layer, (params, _) = case.layer(), case.arrays()
    layer.build((None, *layer.params_shape))
    prior = layer.regularizer.prior
    posterior = layer.distribution(params[:8])
    exact = exact_kl(prior, posterior)
    if exact is None:
        pytest.skip("no closed form")
    z = posterior.sample(20_000, seed=[0, 0])
    ratio = np.asarray(posterior.log_prob(z) - prior.distribution().log_prob(z), "float64")
    error = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert np.all(np.abs(ratio.mean(axis=0) - exact) < 5 * error)


@every_prior
def test_config_makes_the_same_prior_again(case):
    prior, (_, values) = case.make(), case.arrays()
    serialized = keras.saving.serialize_keras_object(prior)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    assert keras.saving.serialize_keras_object(again)["config"] == serialized["config"]
    expected = prior.distribution().log_prob(values)
    if case.bind is not None:
        case.bind(again)
    again.distribution()
    again.set_weights(prior.get_weights())
    assert_same_in_float32(again.distribution().log_prob(values), expected)


@every_prior
def test_eager_graph_and_xla_agree(case):
    prior, (_, values) = case.make(), case.arrays()
    eager = prior.distribution().log_prob(values)

    def score(values):
        return prior.distribution().log_prob(values)

    for mode, function in graph_and_xla(score).items():
        assert relative(function(tf.constant(values)), eager) < FLOAT32, mode


@every_prior
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policies_still_compute_in_float32(case, policy):
    _, values = case.arrays()
    with dtype_policy(policy):
        log_prob = case.make().distribution().log_prob(values)
    assert log_prob.dtype == tf.float32
    assert np.all(np.isfinite(log_prob))


@every_prior
def test_its_weights_train_with_the_posterior_layer(case):
    """The layer that carries the KL owns the prior's weights, so a model finds them."""
    layer = case.layer()
    layer.build((None, *layer.params_shape))
    prior = layer.regularizer.prior
    expected = {weight.path for weight in prior.trainable_weights}
    assert expected <= {weight.path for weight in layer.trainable_weights}


@every_prior
def test_it_prints_and_is_no_layer_to_call(case):
    prior, (_, values) = case.make(), case.arrays()
    assert type(prior).__name__ in repr(kvae.regularizers.KLDivergenceRegularizer(prior))
    with pytest.raises(TypeError, match="takes no input"):
        prior(values)
