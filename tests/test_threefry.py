"""The random numbers of exported files: known answers, and the distribution they claim."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from scipy import stats

from kvae import noise
from kvae.threefry import counted_noise, standard_normal, threefry2x32
from tests.helpers import assert_same_in_float32

# Lines "threefry2x32 20" of tests/kat_vectors in D. E. Shaw Research's Random123 1.14
# (https://github.com/DEShawResearch/random123): counter, key, result.
KNOWN = (
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("243f6a88 85a308d3", "13198a2e 03707344", "c4923a9c 483df7a0"),
)
DRAWS = 20_000


def words(texts):
    """The two words of every text, as two int32 arrays of the same bits."""
    pairs = np.array([[int(word, 16) for word in text.split()] for text in texts], np.uint32)
    return np.ascontiguousarray(pairs.T).view(np.int32)


def known():
    return [words(column) for column in zip(*KNOWN, strict=True)]


def run_in_litert(function, *inputs):
    """Convert `function` of the arrays' shapes to builtin operations; run it in LiteRT."""
    specs = [tf.TensorSpec(value.shape, value.dtype, f"in_{i}") for i, value in enumerate(inputs)]
    concrete = tf.function(function, autograph=False).get_concrete_function(*specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    details = sorted(interpreter.get_input_details(), key=lambda detail: detail["name"])
    for detail, value in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def draw(rows, size, key=7):
    seeds = np.stack([np.arange(rows), np.full(rows, key)], axis=1).astype("int32")
    return standard_normal(tf.constant(seeds), size).numpy()


def test_known_answers_in_tensorflow():
    counter, key, expected = known()
    found = threefry2x32(tuple(map(tf.constant, key)), tuple(map(tf.constant, counter)))
    np.testing.assert_array_equal(found, expected)


def test_known_answers_in_a_converted_file():
    counter, key, expected = known()

    def both_words(k0, k1, c0, c1):
        return tf.stack(threefry2x32((k0, k1), (c0, c1)))

    (found,) = run_in_litert(both_words, *key, *counter)
    np.testing.assert_array_equal(found, expected)


def test_bits_agree_between_tensorflow_and_litert_on_random_words(rng):
    inputs = rng.integers(-(2**31), 2**31, size=(4, 500)).astype("int32")

    def both_words(k0, k1, c0, c1):
        return tf.stack(threefry2x32((k0, k1), (c0, c1)))

    (found,) = run_in_litert(both_words, *inputs)
    np.testing.assert_array_equal(found, both_words(*map(tf.constant, inputs)))


@pytest.mark.parametrize(("rows", "size"), [(DRAWS, 1), (1, DRAWS), (200, 100)])
def test_draws_are_standard_normal(rows, size):
    """Kolmogorov and Smirnov: across seeds, within one seed, and both mixed."""
    values = draw(rows, size).ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3  # the draws are fixed: no chance failures
    assert abs(values.mean()) < 4 / np.sqrt(DRAWS)
    assert abs(values.var() - 1.0) < 4 * np.sqrt(2 / DRAWS)
    # 4.26 sigma is what the largest of 20,000 normals reaches with probability 0.4.
    assert 3.0 < np.abs(values).max() < 6.0


def test_columns_and_rows_are_uncorrelated():
    """Neighbouring seeds and the two halves of a Box-Muller pair must not resemble each other."""
    columns = np.corrcoef(draw(DRAWS, 8), rowvar=False) - np.eye(8)
    rows = np.corrcoef(draw(8, DRAWS)) - np.eye(8)
    # A correlation of independent draws has a standard deviation of 1 / sqrt(draws).
    assert np.abs(columns).max() < 4.5 / np.sqrt(DRAWS)
    assert np.abs(rows).max() < 4.5 / np.sqrt(DRAWS)


def test_squares_of_a_pair_are_uncorrelated():
    """Box and Muller's pair shares a radius: its squares show it where the angle is wrong."""
    values = draw(DRAWS, 2) ** 2
    assert abs(np.corrcoef(values, rowvar=False)[0, 1]) < 4.5 / np.sqrt(DRAWS)


def test_a_row_depends_on_its_seed_alone():
    many = draw(50, 5)
    seeds = tf.constant([[31, 7]])
    assert_same_in_float32(standard_normal(seeds, 5)[0], many[31])
    assert len(np.unique(many)) == many.size


def test_both_words_of_the_seed_count():
    first, second, third = (draw(1, 4, key) for key in (1, 2, 2**31 - 1))
    assert not np.allclose(first, second)
    assert not np.allclose(second, third)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_normals_agree_between_tensorflow_and_litert(size, rng):
    seeds = rng.integers(-(2**31), 2**31, size=(64, 2)).astype("int32")
    (found,) = run_in_litert(lambda seed: standard_normal(seed, size), seeds)
    # Sine, cosine and logarithm come from two libraries.
    np.testing.assert_allclose(found, standard_normal(tf.constant(seeds), size), atol=2e-6)
    assert np.isfinite(found).all()


def test_the_noise_of_training_is_counted_inside_the_context_alone():
    shape, seed = (3000, 7), tf.constant([3, 4])
    before = noise.standard_normal(shape, seed)
    with counted_noise():
        drawn, again = noise.standard_normal(shape, seed), noise.standard_normal(shape, seed)
        other = noise.standard_normal(shape, tf.constant([4, 4]))
    np.testing.assert_array_equal(drawn, again)
    np.testing.assert_array_equal(noise.standard_normal(shape, seed), before)
    for one, two in ((drawn, before), (drawn, other)):
        assert abs(np.corrcoef(np.ravel(one), np.ravel(two))[0, 1]) < 0.03
    assert stats.kstest(np.ravel(drawn), "norm").pvalue > 0.01
