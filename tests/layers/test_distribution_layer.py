"""What every distribution layer inherits: packing, conversions, regularizers, masks, messages."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.helpers import assert_same_in_float32, relative
from tests.penalties import values

tfd = tfp.distributions
layers = kvae.layers


def kl(size=2, **kwargs):
    return kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(size), **kwargs)


def test_params_are_blocks_along_the_last_axis(rng):
    """For an image the first C channels are the means, the last C the raw scales."""
    params = rng.normal(size=(5, 4, 3, 4)).astype("float32")
    distribution = layers.IndependentNormal((4, 3, 2)).distribution(params)
    np.testing.assert_array_equal(distribution.mean(), params[..., :2])
    expected = np.logaddexp(0.0, params[..., 2:])  # softplus
    assert relative(distribution.stddev(), expected) < 1e-6


def test_a_conv_emits_what_an_image_likelihood_reads():
    likelihood = layers.IndependentNormal((6, 5, 3))
    inputs = keras.Input((6, 5, 8))
    params = keras.layers.Conv2D(likelihood.params_shape[-1], 1)(inputs)
    assert likelihood(params).shape == (None, 6, 5, 3)


def test_further_batch_axes_are_kept(rng):
    params = rng.normal(size=(7, 5, 4)).astype("float32")
    distribution = layers.MultivariateNormalDiag(2).distribution(params)
    assert distribution.batch_shape == (7, 5)
    assert layers.MultivariateNormalDiag(2).compute_output_shape((7, None, 4)) == (7, None, 2)
    assert layers.MultivariateNormalDiag(2)(params).shape == (7, 5, 2)


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        ("mean", "mean"),
        ("mode", "mode"),
        (tfd.Distribution.mean, "mean"),
        (tfd.Distribution.sample, "sample"),
        (tfd.Distribution.stddev, "stddev"),
    ],
)
def test_conversions_go_by_name_or_by_tfps_method(convert, expected, rng):
    params = rng.normal(size=(5, 4)).astype("float32")
    layer = layers.MultivariateNormalDiag(2, convert_to_tensor_fn=convert)
    assert layer.convert_to_tensor_fn == expected
    if expected != "sample":
        wanted = getattr(layer.distribution(params), expected)()
        assert_same_in_float32(layer(params), wanted)


@pytest.mark.parametrize("convert", ["median", None, 3, lambda d: d.mean()])
def test_what_cannot_be_saved_or_is_unknown_is_no_conversion(convert):
    with pytest.raises(
        ValueError,
        match=r"Expected convert_to_tensor_fn to be one of sample, mean.*"
        r"Received: convert_to_tensor_fn=",
    ):
        layers.MultivariateNormalDiag(2, convert_to_tensor_fn=convert)


def test_training_always_draws(rng):
    params = rng.normal(size=(5, 4)).astype("float32")
    layer = layers.MultivariateNormalDiag(2, convert_to_tensor_fn="mean")
    assert not np.allclose(layer(params, training=True), layer(params))


def test_bernoulli_logits_and_probs_are_conversions(rng):
    logits = rng.normal(size=(5, 3)).astype("float32")
    make = layers.IndependentBernoulli
    np.testing.assert_array_equal(make(3, convert_to_tensor_fn="logits")(logits), logits)
    expected = 1.0 / (1.0 + np.exp(-logits))
    assert relative(make(3, convert_to_tensor_fn="probs")(logits), expected) < 1e-6
    assert make(3, sample_dtype="int32").distribution(logits).dtype == tf.int32


def test_float64_params_are_computed_in_float64(rng):
    params = rng.normal(size=(5, 4))
    assert layers.MultivariateNormalDiag(2).distribution(params).dtype == tf.float64


def test_new_gives_the_distribution_without_a_layer(rng):
    params = rng.normal(size=(5, 4)).astype("float32")
    made = layers.MultivariateNormalDiag.new(params, 2)
    np.testing.assert_array_equal(
        made.mean(), layers.MultivariateNormalDiag(2).distribution(params).mean()
    )


@pytest.mark.parametrize("shape", [0, -3, 2.5, "3", (3, 0), (3, None), [2, -1]])
def test_an_event_shape_holds_positive_integers(shape):
    with pytest.raises(
        ValueError, match=r"Expected event_shape to hold positive integers.*Received"
    ):
        layers.IndependentBernoulli(shape)


def test_params_of_the_wrong_size_are_refused_where_they_arrive(rng):
    layer = layers.IndependentNormal((4, 3, 2), name="likelihood")
    words = (
        r"IndependentNormal 'likelihood'.*\(batch, 4, 3, 4\) or \(batch, 48\).*Received.*\(5, 47\)"
    )
    with pytest.raises(ValueError, match=words):
        layer.distribution(np.zeros((5, 47)))
    with pytest.raises(ValueError, match=r"\(batch, 4\)\. Received: a tensor of shape \(None, 5\)"):
        layers.MultivariateNormalDiag(2)(keras.Input((5,)))
    with pytest.raises(ValueError, match="Received: a tensor of shape"):
        layer.distribution(3.0)


def test_validate_args_reaches_tfp():
    layer = layers.IndependentBernoulli(2, validate_args=True)
    with pytest.raises(tf.errors.InvalidArgumentError):
        layer.distribution(tf.zeros((1, 2))).log_prob([[2.0, 0.0]])


def test_a_plain_keras_regularizer_sees_the_output_as_in_keras(rng):
    params = rng.normal(size=(5, 4)).astype("float32")
    layer = layers.MultivariateNormalDiag(
        2, convert_to_tensor_fn="mean", activity_regularizer=keras.regularizers.L2(0.1)
    )
    mean = layer(params)
    expected = 0.1 * np.sum(np.square(mean)) / 5  # Keras divides by the batch size
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again.activity_regularizer, keras.regularizers.L2)


def test_masked_examples_do_not_count(rng):
    """The penalty is the mean over the steps that are not masked."""
    params = rng.normal(size=(3, 4, 4)).astype("float32")
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], bool)
    layer = layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    layer(params, mask=mask)
    posterior = layer.distribution(params.reshape(-1, 4))
    each = np.reshape(values(layer.regularizer, posterior, posterior.mean()), mask.shape)
    assert float(layer.losses[0]) == pytest.approx(each[mask].mean(), rel=1e-5)


@pytest.mark.parametrize("steps_in", ["event", "batch", "first of two batch axes"])
def test_an_example_counts_if_one_of_its_steps_does(steps_in):
    """As Keras' Embedding masks padded sequences; the third example is padding alone."""
    x = np.array([[1, 2, 0], [3, 0, 0], [0, 0, 0], [1, 1, 1]])
    inputs = keras.Input((3,), dtype="int32")
    params = keras.layers.Embedding(5, 4, mask_zero=True)(inputs)
    event = {"event": (3, 2), "batch": (2,), "first of two batch axes": ()}[steps_in]
    if not event:
        reshape = keras.layers.Reshape((3, 2, 2))
        reshape.supports_masking = True
        params = reshape(params)
    posterior = layers.IndependentNormal(event, activity_regularizer=kl(event))
    model = keras.Model(inputs, [params, posterior(params)])
    model.compile("adam", loss=None)
    packed = model(x)[0]
    each = values(posterior.regularizer, posterior.distribution(packed), 0.0)
    counts = {"event": (x != 0).any(axis=1), "batch": x != 0}.get(steps_in, (x != 0)[..., None])
    expected = np.average(each, weights=np.broadcast_to(counts, each.shape))
    assert float(posterior.losses[0]) == pytest.approx(expected, rel=1e-5)
    found = model.evaluate(x, verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)
    model.fit(x, verbose=0)


def test_a_layer_that_masks_everything_adds_nothing_and_no_nan(rng):
    params = rng.normal(size=(3, 4, 4)).astype("float32")
    layer = layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    layer(params, mask=np.zeros((3, 4), bool))
    assert float(layer.losses[0]) == 0.0


def test_class_level_params_size_takes_what_tfps_takes():
    assert layers.IndependentNormal.params_size(16) == 32
    assert layers.IndependentNormal.params_size((4, 4, 3)) == 96
    assert layers.MultivariateNormalTriL.params_size(16) == 152
    assert layers.MultivariateNormalTriL.params_size(event_size=3) == 9
    assert layers.IndependentBernoulli.params_size([28, 28, 1]) == 784


def test_an_abstract_layer_says_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match="make_distribution"):
        layers.DistributionLayer(3).distribution(np.zeros((1, 3)))
