"""Quantizers against NumPy: nearest codes, levels, moving averages, restarts."""

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract import Batch
from kvae.layers.quantizer import perplexity

SEED = [0, 1]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_codes_are_the_nearest_vectors_of_the_codebook(rng):
    quantizer = kvae.layers.VectorQuantizer(7, 3)
    quantizer.build()
    book = rng.normal(size=(7, 3)).astype("float32")
    quantizer.codebook.assign(book)
    v = rng.normal(size=(5, 2, 4, 3)).astype("float32")
    expected = np.argmin(np.linalg.norm(v[..., None, :] - book, axis=-1), axis=-1)
    np.testing.assert_array_equal(quantizer.codes(v), expected)
    np.testing.assert_array_equal(quantizer.vectors(expected), book[expected])
    squares = np.sum((v - book[expected]) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(quantizer.penalty(v), squares, rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: kvae.layers.VectorQuantizer(7, 3),
        lambda: kvae.layers.FiniteScalarQuantizer([4, 5, 2]),
    ],
    ids=["vector", "scalar"],
)
def test_the_gradient_passes_and_codes_stand_for_what_is_returned(make, rng):
    quantizer = make()
    v = tf.constant(rng.normal(size=(4, 2, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(v)
        returned = quantizer(v)
    gradient = tape.gradient(returned, v)
    assert np.all(np.asarray(gradient) > 0.0)
    codes = quantizer.codes(v)
    assert codes.dtype == tf.int32
    assert np.all((codes.numpy() >= 0) & (codes.numpy() < quantizer.codebook_size))
    np.testing.assert_allclose(quantizer.vectors(codes), returned, atol=1e-6)


def test_levels_are_those_of_the_paper(rng):
    levels = np.array([8, 5, 2])
    quantizer = kvae.layers.FiniteScalarQuantizer(levels, zero_between_two=False)
    v = rng.normal(scale=2.0, size=(1000, 3))
    # Appendix A.1 of the paper, in float64.
    half = (levels - 1) * 1.001 / 2
    offset = np.where(levels % 2 == 0, 0.5, 0.0)
    digits = np.round(np.tanh(v + np.arctanh(offset / half)) * half - offset)
    np.testing.assert_allclose(quantizer(v.astype("float32")), digits / (levels // 2), atol=1e-6)
    index = (digits + levels // 2) @ [1, 8, 40]
    np.testing.assert_array_equal(quantizer.codes(v.astype("float32")), index)
    for element, count in enumerate(levels):
        assert len(np.unique(digits[:, element])) == count


@pytest.mark.parametrize("levels", [[981, 4], [2048, 4], [4, 2049], [65_536, 2]])
def test_many_levels_end_where_the_codebook_ends(levels):
    quantizer = kvae.layers.FiniteScalarQuantizer(levels)
    ends = np.array([[-50.0, -50.0], [50.0, 50.0]], "float32")
    codes = quantizer.codes(ends)
    np.testing.assert_array_equal(codes, [0, quantizer.codebook_size - 1])
    np.testing.assert_array_equal(quantizer.vectors(codes), quantizer(ends))


def test_zero_is_the_boundary_of_two_levels(rng):
    quantizer = kvae.layers.FiniteScalarQuantizer([2, 2])
    v = tf.constant(rng.normal(size=(500, 2)), tf.float32)
    expected = np.where(v.numpy() < 0.0, -1.0, 0.0)
    np.testing.assert_array_equal(quantizer(v).numpy(), expected)
    zero = tf.zeros((1, 2))
    with tf.GradientTape() as tape:
        tape.watch(zero)
        returned = quantizer(zero)
    np.testing.assert_allclose(tape.gradient(returned, zero), np.full((1, 2), 0.5005), rtol=1e-5)


def test_two_levels_of_the_first_files_stay_what_they_were(rng):
    layer = kvae.layers.FiniteScalarQuantizer
    config = layer([3, 2]).get_config()
    del config["zero_between_two"]  # which they did not have
    first = layer.from_config(config)
    v = rng.normal(scale=3.0, size=(500, 2)).astype("float32")
    expected = layer([3, 2], zero_between_two=False).codes(v)
    for quantizer in (first, layer.from_config(first.get_config())):
        np.testing.assert_array_equal(quantizer.codes(v), expected)


def test_every_code_is_reached():
    quantizer = kvae.layers.FiniteScalarQuantizer([4, 3])
    vectors = quantizer.vectors(tf.range(12))
    assert len(np.unique(vectors.numpy(), axis=0)) == 12
    grid = tf.constant([[a, b] for a in np.linspace(-3, 3, 61) for b in np.linspace(-3, 3, 61)])
    assert set(quantizer.codes(tf.cast(grid, tf.float32)).numpy().tolist()) == set(range(12))


@pytest.mark.parametrize("weight", [None, [1.0, 0.0, 2.0]])
def test_the_codebook_is_a_moving_average(weight, rng):
    quantizer = kvae.layers.VectorQuantizer(2, 2, decay=0.5, restart=0.0)
    quantizer.build()
    book = np.array([[0.0, 0.0], [10.0, 10.0]], "float32")
    quantizer.codebook.assign(book)
    quantizer.uses.assign([4.0, 2.0])
    quantizer.sums.assign(4.0 * book * [[1.0], [0.5]])
    v = np.array([[[1.0, 1.0]], [[9.0, 9.0]], [[2.0, 0.0]]], "float32")  # codes 0, 1, 0
    quantizer.update(v, SEED, Batch(weight=None if weight is None else tf.constant(weight)))
    w = np.ones(3) if weight is None else np.array(weight)
    uses = 0.5 * np.array([4.0, 2.0]) + 0.5 * np.array([w[0] + w[2], w[1]])
    batch = np.stack([w[0] * v[0, 0] + w[2] * v[2, 0], w[1] * v[1, 0]])
    sums = 0.5 * np.array([[0.0, 0.0], [20.0, 20.0]]) + 0.5 * batch
    np.testing.assert_allclose(quantizer.uses, uses, rtol=1e-6)
    np.testing.assert_allclose(quantizer.codebook, sums / uses[:, None], rtol=1e-6)


def test_codes_without_use_begin_again_at_data(rng):
    quantizer = kvae.layers.VectorQuantizer(16, 2)
    quantizer.build()
    quantizer.codebook.assign(np.full((16, 2), 50.0, "float32"))
    v = rng.normal(size=(64, 2)).astype("float32")
    quantizer.update(v, SEED, Batch())
    book = np.asarray(quantizer.codebook)
    assert np.all(np.abs(book) < 10.0)
    assert len(np.unique(book, axis=0)) > 8
    rows = {tuple(row) for row in v}
    assert sum(tuple(row) in rows for row in book) >= 14  # one or two are means of several
    again = kvae.layers.VectorQuantizer(16, 2)
    again.build()
    again.codebook.assign(np.full((16, 2), 50.0, "float32"))
    tf.function(lambda: again.update(v, SEED, Batch()), jit_compile=True)()
    np.testing.assert_allclose(again.codebook, book, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_codes_begin_again_at_examples_by_their_weight(jit_compile):
    v = np.array([[9.0], [1.0], [2.0], [9.0]], "float32").repeat(3, axis=0)
    weight = tf.constant([0.0, 3.0, 1.0, 0.0]).numpy().repeat(3)
    quantizer = kvae.layers.VectorQuantizer(400, 1)
    quantizer.build()

    @tf.function(jit_compile=jit_compile, autograph=False)
    def update(weight):
        quantizer.update(v, SEED, Batch(weight=weight))

    quantizer.codebook.assign(tf.fill((400, 1), 50.0))
    update(tf.constant(weight))
    book = np.asarray(quantizer.codebook)[:, 0]
    assert book.max() <= 2.0
    # 400 draws have a standard deviation of 9.
    assert np.count_nonzero(book == 1.0) == pytest.approx(300, abs=40)
    quantizer.uses.assign(tf.one_hot(0, 400))  # all others would begin again
    quantizer.sums.assign(quantizer.codebook[:1] * tf.one_hot(0, 400)[:, None])
    update(tf.zeros(12))
    np.testing.assert_allclose(np.asarray(quantizer.codebook)[:, 0], book, rtol=1e-6)


def test_the_perplexity_counts_codes_by_the_weight_of_their_example():
    codes = tf.constant([[0, 1], [2, 3], [0, 0]])
    for weight, expected in (
        (None, np.exp(-(0.5 * np.log(0.5) + 0.5 * np.log(1 / 6)))),
        ([1.0, 0.0, 0.0], 2.0),
        ([1.0, 0.0, 0.5], np.exp(-(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)))),
        ([0.0, 0.0, 0.0], 1.0),
    ):
        batch = Batch(weight=None if weight is None else tf.constant(weight))
        assert float(perplexity(codes, 5, batch)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kvae.layers.VectorQuantizer(0, 3), "codebook_size"),
        (lambda: kvae.layers.VectorQuantizer(4, 3, decay=1.0), "decay to be below 1"),
        (lambda: kvae.layers.VectorQuantizer(4, 3, restart=-1.0), "restart"),
        (lambda: kvae.layers.FiniteScalarQuantizer([]), "levels"),
        (lambda: kvae.layers.FiniteScalarQuantizer([4, 1]), "at least 2 levels"),
        (lambda: kvae.layers.FiniteScalarQuantizer([2000] * 3), "at most 16777216"),
    ],
)
def test_arguments_are_validated(make, message):
    with pytest.raises(ValueError, match=message):
        make()
