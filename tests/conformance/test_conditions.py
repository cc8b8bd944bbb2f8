"""One battery over every condition and every prior that reads one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract.closed_form import kl_divergence
from tests.conformance.case import ConditionalPriorCase, ConditionCase
from tests.conformance.cases import collect
from tests.helpers import assert_same_in_float32, dtype_policy, graph_and_xla, relative

every_condition = pytest.mark.parametrize("case", collect(ConditionCase))
every_prior = pytest.mark.parametrize("case", collect(ConditionalPriorCase))


def missing(layer, raw):
    """Return raw conditions, of which the first row is missing."""
    rows = np.array(raw)
    rows[0] = layer.missing_value
    return rows


@every_condition
def test_it_gives_vectors_of_its_size(case):
    layer, raw = case.make(), case.arrays()
    vectors = layer(raw)
    assert vectors.shape == layer.compute_output_shape(raw.shape) == (len(raw), layer.size)
    assert np.all(np.isfinite(vectors))
    symbolic = case.make()(keras.Input(raw.shape[1:], dtype=layer.spec().dtype))
    assert symbolic.shape == (None, layer.size)


@every_condition
def test_its_specification_accepts_valid_and_missing_conditions_alone(case):
    layer, raw = case.make(), case.arrays()
    np.testing.assert_allclose(layer.spec().check(raw, "condition"), raw, rtol=1e-6)
    with pytest.raises(ValueError, match="Expected condition"):
        layer.spec().check(np.array([case.invalid]), "condition")
    with pytest.raises(ValueError, match="Expected condition"):
        layer.spec().check(missing(layer, raw), "condition")
    allowing = case.make(missing=True)
    rows = missing(allowing, raw)
    np.testing.assert_allclose(allowing.spec().check(rows, "condition"), rows, rtol=1e-6)
    in_graph = allowing.spec().check_in_graph(tf.constant(rows), "condition")
    np.testing.assert_array_equal(in_graph, rows)


@every_condition
def test_the_null_token_stands_for_a_missing_condition_and_is_trained(case):
    layer, raw = case.make(missing=True), case.arrays()
    rows = missing(layer, raw)
    layer(rows)
    layer.null_token.assign(np.arange(layer.size) + 0.5)
    with tf.GradientTape() as tape:
        vectors = layer(rows)
        loss = tf.reduce_sum(vectors)
    np.testing.assert_allclose(vectors[0], layer.null_token)
    gradients = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    (token,) = (
        gradient
        for gradient, weight in zip(gradients, layer.trainable_weights, strict=True)
        if weight is layer.null_token
    )
    np.testing.assert_allclose(token, np.ones(layer.size))
    assert not np.any(np.all(np.asarray(vectors[1:]) == np.asarray(vectors[0]), axis=-1))


@every_condition
def test_it_drops_its_share_the_same_with_and_without_xla(case):
    layer = case.make(drop=0.25)
    raw = tf.constant(np.concatenate([case.arrays()] * 32))  # 2048 rows
    eager = np.asarray(layer.dropped(raw, [3, 4]))
    for mode, function in graph_and_xla(layer.dropped).items():
        np.testing.assert_array_equal(function(raw, tf.constant([3, 4])), eager, err_msg=mode)
    assert not np.array_equal(layer.dropped(raw, [3, 5]), eager)
    unequal = eager.reshape(len(raw), -1) != np.asarray(raw).reshape(len(raw), -1)
    assert np.array_equal(unequal.all(axis=-1), unequal.any(axis=-1))
    # A share of 2048 has a standard error of 0.0096.
    assert unequal.any(axis=-1).mean() == pytest.approx(0.25, abs=0.05)
    assert case.make().dropped(raw, [3, 4]) is raw


@every_condition
def test_config_makes_the_same_condition_again(case):
    layer, raw = case.make(drop=0.1), case.arrays()
    expected = layer(raw)
    serialized = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    assert (again.drop, again.missing, again.size) == (0.1, True, layer.size)
    again.set_weights(layer.get_weights())
    assert_same_in_float32(again(raw), expected)


@every_condition
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policies_keep_weights_and_raw_conditions_in_float32(case, policy):
    expected = np.asarray(case.make()(case.arrays()), "float32")
    with dtype_policy(policy):
        layer = case.make(missing=True)
        assert layer(case.arrays()).dtype == layer.compute_dtype
        assert all(weight.dtype == "float32" for weight in layer.trainable_weights)
        if not layer.trainable_weights[1:]:  # random embeddings differ
            found = layer.vector(tf.constant(case.arrays()))
            assert relative(np.asarray(found)[:, : expected.shape[1]], expected) < 1e-5


@every_condition
def test_bad_rates_are_refused(case):
    with pytest.raises(ValueError, match="Expected drop to be below 1"):
        case.make(drop=1.0)
    with pytest.raises(ValueError, match="Expected drop to be a finite number of at least 0"):
        case.make(drop=-0.1)
    with pytest.raises(ValueError, match="Expected missing to be True"):
        case.make(drop=0.1, missing=False)


@every_prior
def test_a_conditional_prior_is_a_vector_for_each_condition(case):
    prior, (condition, _, z) = case.make(), case.arrays()
    distribution = prior.distribution(condition)
    assert tuple(distribution.batch_shape) == (len(z),)
    assert tuple(distribution.event_shape) == prior.event_shape
    assert np.all(np.isfinite(distribution.log_prob(z)))
    # It starts near N(0, I).
    assert np.abs(distribution.mean()).max() < 0.5
    np.testing.assert_allclose(distribution.stddev(), 1.0, atol=0.5)
    for bad in (None, condition[:, :-1]):
        with pytest.raises(ValueError, match="Expected a condition of shape"):
            case.make().distribution(bad)


@every_prior
def test_draws_of_given_normals_have_its_moments(case):
    prior, (condition, _, _) = case.make(), case.arrays()
    rng = np.random.default_rng(5)
    for weight in prior.build() or prior.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    normals = rng.normal(size=(20_000, 3)).astype("float32")
    one = np.repeat(condition[:1], len(normals), axis=0)
    draws, expected = prior.from_normal(normals, one), prior.distribution(condition[:1])
    errors = np.asarray(expected.stddev()[0]) / np.sqrt(len(normals))
    assert np.all(np.abs(np.mean(draws, axis=0) - expected.mean()[0]) < 5 * errors)
    np.testing.assert_allclose(np.std(draws, axis=0), expected.stddev()[0], rtol=0.03)


@every_prior
def test_its_kl_in_closed_form_agrees_with_monte_carlo(case):
    prior, (condition, params, _) = case.make(), case.arrays()
    layer = kvae.layers.MultivariateNormalDiag(3)
    q, p = layer.distribution(params[:8]), prior.distribution(condition[:8])
    z = q.sample(20_000, seed=[0, 0])
    ratio = np.asarray(q.log_prob(z) - p.log_prob(z), "float64")
    error = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert np.all(np.abs(ratio.mean(axis=0) - kl_divergence(q, p)) < 5 * error)


@every_prior
def test_log_prob_sends_a_finite_gradient_to_every_weight(case):
    prior, (condition, _, z) = case.make(), case.arrays()
    prior.build()
    weights = [weight.value for weight in prior.trainable_weights]
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(prior.distribution(condition).log_prob(z))
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.all(np.isfinite(gradient)), weight.name
        assert np.any(np.asarray(gradient) != 0), weight.name


@every_prior
def test_eager_graph_xla_and_half_precision_policies_agree(case):
    prior, (condition, _, z) = case.make(), case.arrays()

    def score(condition, z):
        return prior.distribution(condition).log_prob(z)

    eager = score(condition, z)
    for mode, function in graph_and_xla(score).items():
        assert relative(function(tf.constant(condition), tf.constant(z)), eager) < 1e-5, mode
    with dtype_policy("mixed_float16"):
        half = case.make()
        half.build()
        half.set_weights(prior.get_weights())
        assert relative(half.distribution(condition).log_prob(z), eager) < 1e-5


@every_prior
def test_a_functional_model_trains_it_through_the_posterior_layer(case):
    condition, params, _ = case.arrays()
    prior = case.make()
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    layer = kvae.layers.MultivariateNormalDiag(3, activity_regularizer=kl)
    inputs = [keras.Input(params.shape[1:]), keras.Input(condition.shape[1:])]
    model = keras.Model(inputs, layer(inputs[0], condition=inputs[1]))
    model([params, condition])
    expected = kl_divergence(layer.distribution(params), prior.distribution(condition))
    assert_same_in_float32(np.asarray(model.losses[0]), np.mean(expected, dtype="float32"))
    assert {id(w) for w in prior.trainable_weights} <= {id(w) for w in model.trainable_weights}
