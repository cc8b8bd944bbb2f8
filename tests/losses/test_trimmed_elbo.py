"""The objective that leaves out the worst examples of a batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract import Batch
from tests.small import make_vae


def losses_of(model, x, seed):
    batch = Batch(inputs={"x": x}, training=True)
    latents = model.infer({"x": x}, seed)
    terms = kvae.losses.NegativeELBO().terms(model, {"x": x}, latents, batch)
    return np.sum([float(term.weight) * term.values.numpy() for term in terms], axis=0)


def test_its_value_is_the_mean_loss_of_the_examples_that_are_kept(grey):
    model, x, seed = make_vae(), tf.constant(grey[:10]), [3, 4]
    expected = np.sort(losses_of(model, x, seed))[:7].mean()
    batch = Batch(inputs={"x": x}, training=True)
    terms = kvae.losses.TrimmedELBO(0.35).terms(model, {"x": x}, model.infer({"x": x}, seed), batch)
    found = sum(float(term.weight) * np.mean(term.values) for term in terms)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_example_that_is_left_out_has_no_gradient(grey):
    model, x, seed = make_vae(), tf.constant(grey[:10]), [3, 4]
    worst = int(np.argmax(losses_of(model, x, seed)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        batch = Batch(inputs={"x": x}, training=True)
        latents = model.infer({"x": x}, seed)
        terms = kvae.losses.TrimmedELBO(0.1).terms(model, {"x": x}, latents, batch)
        loss = tf.add_n([term.values for term in terms])
    gradient = np.abs(tape.gradient(loss, x)).reshape(10, -1).max(axis=1)
    np.testing.assert_array_equal(gradient > 0.0, np.arange(10) != worst)


def test_evaluate_leaves_nothing_out(grey):
    model = make_vae()
    logs = []
    for loss in (None, kvae.losses.TrimmedELBO(0.5)):
        model.compile("adam", loss=loss)
        logs.append(model.evaluate(grey, verbose=0, return_dict=True, seed=0)["loss"])
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)


def test_it_is_saved_with_the_model(grey, tmp_path):
    model = make_vae()
    model.compile("adam", loss=kvae.losses.TrimmedELBO(0.3))
    model.fit(grey, verbose=0)
    model.save(tmp_path / "vae.keras")
    assert keras.saving.load_model(tmp_path / "vae.keras").objective.share == 0.3


@pytest.mark.parametrize("share", [-0.1, 1.0, "half"])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        kvae.losses.TrimmedELBO(share)
