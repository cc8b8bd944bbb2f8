"""NegativeLogLikelihood: nats for each example, summed over the event."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.helpers import assert_same_in_float32, relative


@pytest.fixture
def case(rng):
    """Events, params, and the NLL of each example in float64."""
    x, logits = rng.uniform(size=(6, 4, 3, 1)), rng.normal(size=(6, 4, 3, 1))
    each = np.logaddexp(0.0, logits) - x * logits
    return x.astype("float32"), logits.astype("float32"), each.sum(axis=(1, 2, 3))


def loss(**kwargs):
    return kvae.losses.NegativeLogLikelihood(kvae.layers.IndependentBernoulli((4, 3, 1)), **kwargs)


def test_it_is_summed_over_the_event_and_averaged_over_the_batch(case):
    x, params, expected = case
    assert relative(loss(reduction=None)(x, params), expected) < 1e-6
    assert float(loss()(x, params)) == pytest.approx(expected.mean(), rel=1e-6)
    assert float(loss(reduction="sum")(x, params)) == pytest.approx(expected.sum(), rel=1e-6)


def test_sample_weight_follows_keras(case):
    x, params, expected = case
    weight = np.linspace(0.0, 1.0, 6).astype("float32")
    found = loss()(x, params, sample_weight=weight)
    assert float(found) == pytest.approx(np.mean(weight * expected), rel=1e-6)


def test_flat_params_and_whole_numbers_are_taken(case):
    x, params, _ = case
    x = x.round()
    expected = loss(reduction=None)(x, params)
    flat = params.reshape(6, -1)
    assert relative(loss(reduction=None)(x.astype("uint8"), flat), expected) < 1e-6


def test_data_and_params_of_the_wrong_shape_are_refused(case):
    x, params, _ = case
    with pytest.raises(
        ValueError, match=r"Expected data of shape \(6, 4, 3, 1\).*Received.*\(6, 4, 3\)"
    ):
        loss()(x[..., 0], params)
    with pytest.raises(ValueError, match=r"Expected the parameters.*Received.*\(6, 4, 3, 2\)"):
        loss()(x, np.concatenate([params, params], axis=-1))


@pytest.mark.parametrize(
    ("event_shape", "shape"), [((), (8, 1)), (3, (8, 1, 3)), (3, (3,))], ids=str
)
def test_rows_are_not_compared_with_all_others(event_shape, shape):
    """Data and parameters of other batch axes would be broadcast."""
    likelihood = kvae.layers.IndependentNormal(event_shape)
    params = np.zeros((8, likelihood.params_size), "float32")
    with pytest.raises(ValueError, match=r"Expected data of shape \(8"):
        kvae.losses.NegativeLogLikelihood(likelihood)(np.zeros(shape, "float32"), params)


@pytest.mark.parametrize("wrong", [None, "bernoulli", keras.layers.Dense(3)])
def test_it_wants_a_distribution_layer(wrong):
    with pytest.raises(ValueError, match=r"Expected likelihood to be a kvae distribution layer"):
        kvae.losses.NegativeLogLikelihood(wrong)


def test_config_makes_the_same_loss_again(case):
    x, params, _ = case
    original = loss(reduction="sum", name="nll")
    config = keras.saving.serialize_keras_object(original)
    again = keras.saving.deserialize_keras_object(config)
    assert again.name == "nll"
    assert_same_in_float32(again(x, params), original(x, params))


def test_it_trains_a_plain_keras_model(case):
    """The functional form, without a VAE: a logistic regression finds the data's mean."""
    x, _, _ = case
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(12)(inputs)
    model = keras.Model(inputs, keras.layers.Reshape((4, 3, 1))(outputs))
    model.compile(keras.optimizers.Adam(0.3), loss=loss(), jit_compile=False)
    for _ in range(60):
        model.train_on_batch(np.ones((6, 1)), x)
    mean = 1.0 / (1.0 + np.exp(-np.asarray(model(np.ones((1, 1))))[0]))
    assert np.abs(mean - x.mean(axis=0)).max() < 0.02


@pytest.mark.parametrize("batch", [5, 6])
def test_steps_that_a_mask_leaves_out_are_not_observed(batch, rng):
    """Of five rows of five steps a mask (5, 5) would be multiplied with every pair of losses."""
    x = rng.normal(size=(batch, 5, 2)).astype("float32")
    steps = np.arange(5) < rng.integers(1, 6, size=(batch, 1))
    x[~steps] = 0.0
    inputs = keras.Input((5, 2))
    outputs = keras.layers.Dense(4)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, outputs)
    likelihood = kvae.layers.IndependentNormal((5, 2))
    model.compile("sgd", loss=kvae.losses.NegativeLogLikelihood(likelihood))
    element = -likelihood.element_log_prob(np.asarray(model(x)), x).numpy()
    expected = np.sum(element * steps[:, :, None], axis=(1, 2)).mean()
    assert model.evaluate(x, x, batch_size=batch, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.fit(x, x, batch_size=batch, verbose=0).history["loss"][0] == pytest.approx(
        expected, rel=1e-5
    )


def test_a_mask_of_the_batch_axes_weighs_as_in_keras_losses(rng):
    x = rng.normal(size=(6, 5, 2)).astype("float32")
    x[:, 3:] = 0.0
    inputs = keras.Input((5, 2))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Masking()(inputs)))
    likelihood = kvae.layers.IndependentNormal(2)
    model.compile("sgd", loss=kvae.losses.NegativeLogLikelihood(likelihood))
    expected = -np.mean(likelihood.log_prob(np.asarray(model(x)), x).numpy()[:, :3])
    assert model.evaluate(x, x, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_mask_that_is_none_of_the_event_is_refused():
    params = tf.zeros((6, 8, 2))
    params._keras_mask = tf.ones((6, 4), "bool")
    loss = kvae.losses.NegativeLogLikelihood(kvae.layers.IndependentNormal((8, 1)))
    with pytest.raises(ValueError, match="Expected a mask of the batch axes"):
        loss(np.zeros((6, 8, 1), "float32"), params)
