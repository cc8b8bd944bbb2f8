import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

import kvae
from tests.helpers import assert_same_in_float32, relative
from tests.layers import properties


@pytest.fixture
def layer():
    return kvae.layers.IndependentCategorical((4, 3, 2), num_classes=5)


def test_log_prob_is_the_log_softmax_at_the_class(layer, rng):
    params, x = rng.normal(size=(20, 4, 3, 10)), rng.integers(5, size=(20, 4, 3, 2))
    logits = np.moveaxis(params.reshape(20, 4, 3, 5, 2), -2, -1)  # one block of channels a class
    chosen = np.take_along_axis(log_softmax(logits, axis=-1), x[..., None], axis=-1)
    found = layer.distribution(params).log_prob(x.astype("float64"))
    assert relative(found, chosen.sum(axis=(1, 2, 3, 4))) < 1e-9


def test_probabilities_sum_to_one():
    scalar = kvae.layers.IndependentCategorical((), num_classes=4)
    assert abs(properties.total(scalar, [0.1, -2.0, 3.0, 1.0], np.arange(4)) - 1) < 1e-9


def test_whole_numbers_of_any_dtype_say_the_same(layer, rng):
    params = rng.normal(size=(5, 4, 3, 10)).astype("float32")
    x = rng.integers(5, size=(5, 4, 3, 2))
    loss = kvae.losses.NegativeLogLikelihood(layer, reduction="none")
    assert_same_in_float32(loss(x, params), loss(x.astype("float32"), params))


def test_mean_is_the_most_probable_class_in_floats(layer, rng):
    params = rng.normal(size=(5, 4, 3, 10)).astype("float32")
    expected = params.reshape(5, 4, 3, 5, 2).argmax(axis=-2)
    assert layer.mean(params).dtype == tf.float32
    np.testing.assert_array_equal(layer.mean(params), expected)


def test_draws_have_the_probabilities(rng):
    scalar = kvae.layers.IndependentCategorical((), num_classes=4)
    logits = rng.normal(size=4).astype("float32")
    draws = scalar.distribution(logits).sample(20_000, seed=[1, 2]).numpy()
    counts = np.bincount(draws.astype(int), minlength=4)
    p = softmax(logits)
    assert np.all(np.abs(counts / 20_000 - p) < 5 * np.sqrt(p * (1 - p) / 20_000))
    properties.assert_draws_alike_in_graph_and_xla(scalar, logits[None])


def test_float32_agrees_with_float64(layer, rng):
    params, x = rng.normal(size=(20, 4, 3, 10)), rng.integers(5, size=(20, 4, 3, 2))
    properties.assert_float32_agrees_with_float64(layer, params, x)


def test_finite_at_extremes(rng):
    layer = kvae.layers.IndependentCategorical(3, num_classes=4)
    properties.assert_finite_at_extremes(layer, rng.integers(4, size=(4, 3)))


def test_classes_beyond_the_last_are_refused_at_the_door(make_vae, rng):
    vae = make_vae(3, likelihood=kvae.layers.IndependentCategorical(3, num_classes=4))
    vae.compile(optimizer="adam")
    with pytest.raises(ValueError, match=r"whole numbers in \[0, 3\].*Number the classes from 0"):
        vae.fit(rng.integers(1, 5, size=(20, 3)).astype("float32"), verbose=0)


@pytest.mark.parametrize("num_classes", [0, 1, 2.5, "two"])
def test_fewer_than_two_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match=r"Expected num_classes .* Received: num_classes="):
        kvae.layers.IndependentCategorical(3, num_classes)
