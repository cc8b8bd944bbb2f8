import keras
import numpy as np
import pytest
import scipy.special

import kvae
from tests.helpers import assert_same_in_float32


def test_probabilities_of_all_classes_sum_to_one():
    logits = np.array([[3.0, -1.0, 0.5, 0.0]], "float32")
    layer = kvae.layers.OneHotCategorical(4)
    probabilities = layer.distribution(logits).prob(np.eye(4, dtype="float32"))
    np.testing.assert_allclose(probabilities, scipy.special.softmax(logits[0]), rtol=1e-5)
    assert abs(np.sum(probabilities) - 1.0) < 1e-3


def test_mean_is_the_vector_of_probabilities_and_mode_the_likeliest_class():
    logits = np.array([[3.0, -1.0, 0.5]], "float32")
    layer = kvae.layers.OneHotCategorical(3)
    np.testing.assert_allclose(
        layer.mean(logits), scipy.special.softmax(logits, axis=-1), rtol=1e-5
    )
    mode = kvae.layers.OneHotCategorical(3, "mode")
    np.testing.assert_array_equal(mode(logits), [[1.0, 0.0, 0.0]])
    assert mode(logits).dtype == "float32"


@pytest.mark.parametrize("name", ["logits", "probs"])
def test_logits_and_probs_are_conversions(name):
    logits = np.array([[3.0, -1.0, 0.5]], "float32")
    found = kvae.layers.OneHotCategorical(3, name)(logits)
    expected = logits if name == "logits" else scipy.special.softmax(logits, axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_draws_are_one_hot_with_the_probabilities():
    logits = np.tile(np.array([[1.0, -1.0, 0.5]], "float32"), (100_000, 1))
    draws = kvae.layers.OneHotCategorical(3, seed=1)(logits, training=True).numpy()
    assert np.all(draws.sum(-1) == 1.0)
    assert set(np.unique(draws)) == {0.0, 1.0}
    p = scipy.special.softmax(logits[0])
    assert np.all(np.abs(draws.mean(0) - p) < 5 * np.sqrt(p * (1 - p) / 1e5))  # 5 standard errors


def test_sample_dtype_is_that_of_the_distribution():
    layer = kvae.layers.OneHotCategorical(3, sample_dtype="int32")
    assert layer.distribution(np.zeros((1, 3), "float32")).dtype == "int32"
    assert layer.get_config()["sample_dtype"] == "int32"


def test_event_size_is_one_positive_integer():
    with pytest.raises(ValueError, match="event_size"):
        kvae.layers.OneHotCategorical((3, 3))
    with pytest.raises(ValueError, match="positive integers"):
        kvae.layers.OneHotCategorical(0)


def test_data_that_are_not_one_hot_are_refused(make_vae):
    vae = make_vae(4, likelihood=kvae.layers.OneHotCategorical(4))
    vae.compile("adam")
    assert np.isfinite(vae.evaluate(np.eye(4), verbose=0, return_dict=True)["nll"])
    with pytest.raises(ValueError, match="one_hot"):
        vae.evaluate(np.full((2, 4), 0.25), verbose=0)


def test_keras_file_gives_the_layer_back(tmp_path):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, kvae.layers.OneHotCategorical(5, "probs", "int32")(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = np.arange(5.0, dtype="float32")[None]
    assert_same_in_float32(loaded(x), model(x))
    assert loaded.layers[-1].sample_dtype == "int32"
