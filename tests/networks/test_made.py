"""The masks of MADE: which output sees which input, by the Jacobian."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kvae.networks import MADE
from tests.helpers import assert_same_in_float32


def jacobian(made, z, context=None):
    """Whether output i depends on input j, (d, d), by automatic differentiation at a few points."""
    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = made(z) if context is None else made(z, context=context)
    full = np.asarray(tape.batch_jacobian(outputs, z))  # (B, d, k, d)
    return np.abs(full).sum(axis=(0, 2)) > 0.0


def randomized(made, rng):
    for weight in made.weights:
        weight.assign(rng.normal(size=weight.shape))
    return made


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("size", "hidden"), [(1, (8,)), (2, (8,)), (5, (32, 32)), (9, (4, 16))])
def test_an_output_sees_the_inputs_before_it_and_no_other(rng, size, hidden, reverse):
    made = MADE(size, params_per_element=3, hidden=hidden, reverse=reverse, activation="tanh")
    made.build()
    z = 0.1 * rng.normal(size=(20, size)).astype("float32")
    seen = jacobian(randomized(made, rng), z)
    before = np.tri(size, k=-1, dtype=bool)
    allowed = before.T if reverse else before
    assert not np.any(seen & ~allowed)
    if min(hidden) >= size:  # fewer units than inputs cannot carry all of them
        np.testing.assert_array_equal(seen, allowed)


@pytest.mark.parametrize("size", [1, 4])
def test_every_output_sees_the_context(rng, size):
    made = MADE(size, hidden=(16, 16), context_size=3, activation="tanh")
    made.build()
    randomized(made, rng)
    z = np.zeros((7, size), "float32")
    context = 0.1 * rng.normal(size=(7, 3)).astype("float32")
    seen = jacobian(lambda c: made(z, context=c), context)
    assert seen.shape == (size, 3)
    assert np.all(seen)


def test_batch_axes_of_the_context_broadcast(rng):
    made = MADE(3, context_size=2)
    z = rng.normal(size=(4, 5, 3)).astype("float32")
    context = rng.normal(size=(5, 2)).astype("float32")
    made.build()
    randomized(made, rng)
    found = made(z, context=context)
    expected = np.stack([made(part, context=context) for part in z])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_it_starts_near_zero():
    made = MADE(6)
    assert np.abs(made(np.ones((3, 6), "float32"))).max() < 0.2


def test_a_model_with_it_is_saved_and_loaded(tmp_path, rng):
    z, context = keras.Input((3,)), keras.Input((2,))
    made = MADE(3, params_per_element=4, hidden=(8,), context_size=2, reverse=True)
    model = keras.Model([z, context], made(z, context=context))
    assert model.output_shape == (None, 3, 4)
    model.save(tmp_path / "made.keras")
    again = keras.saving.load_model(tmp_path / "made.keras")
    inputs = [rng.normal(size=(5, 3)), rng.normal(size=(5, 2))]
    assert_same_in_float32(again(inputs), model(inputs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_size": 0}, "Expected event_size"),
        ({"event_size": 2, "params_per_element": 0}, "Expected params_per_element"),
        ({"event_size": 2, "hidden": ()}, "Expected hidden"),
        ({"event_size": 2, "hidden": (0,)}, "Expected hidden"),
        ({"event_size": 2, "context_size": -1}, "Expected context_size"),
        ({"event_size": 2, "context_size": 1.5}, "Expected context_size"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MADE(**arguments)


def test_a_context_is_neither_forgotten_nor_made_up():
    with pytest.raises(ValueError, match="Expected a context of width 2"):
        MADE(3, context_size=2)(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="Expected a context of width 0"):
        MADE(3)(np.zeros((1, 3)), context=np.zeros((1, 2)))
