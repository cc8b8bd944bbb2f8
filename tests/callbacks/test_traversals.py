"""`LatentTraversals`: figures drawn at the end of epochs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kvae
from tests.helpers import summaries
from tests.small import make_vae


@pytest.fixture
def eager():
    """A small VAE that is never traced: fits here are a step or two."""
    model = make_vae()
    model.compile("adam", run_eagerly=True)
    return model


def test_files_are_written_after_every_second_epoch(eager, grey, tmp_path):
    draw = kvae.callbacks.LatentTraversals(grey, tmp_path / "to" / "here", every=2, steps=4)

    eager.fit(grey, epochs=5, verbose=0, callbacks=[draw])

    names = sorted(file.name for file in (tmp_path / "to" / "here").iterdir())
    assert names == ["traversals-0002.png", "traversals-0004.png"]
    with Image.open(tmp_path / "to" / "here" / names[0]) as picture:
        assert picture.format == "PNG"
        assert np.ptp(np.asarray(picture.convert("L"))) > 100  # something is drawn


def test_tensorboard_gets_a_picture_with_the_epoch_as_its_step(eager, grey, tmp_path):
    draw = kvae.callbacks.LatentTraversals(grey, log_dir=tmp_path / "logs", steps=4)

    eager.fit(grey, epochs=3, initial_epoch=1, verbose=0, callbacks=[draw])

    found = summaries(tmp_path / "logs" / "train")
    assert [entry[:3] for entry in found] == [
        (step, "latent_traversals", "images") for step in (1, 2)
    ]
    for *_, (width, height, png) in found:
        shape = tf.io.decode_png(png).shape
        assert (int(height), int(width)) == (shape[0], shape[1])
    assert not list(tmp_path.glob("*.png"))


def test_the_callback_does_not_change_training(grey, tmp_path):
    weights = []
    for callbacks in ([], [kvae.callbacks.LatentTraversals(grey, tmp_path, steps=3)]):
        keras.utils.set_random_seed(0)
        vae = make_vae()
        vae.compile("adam", run_eagerly=True)
        vae.fit(grey, epochs=2, verbose=0, callbacks=callbacks)
        weights.append([np.array(weight) for weight in vae.weights])

    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_missing_output_is_refused(grey):
    with pytest.raises(ValueError, match="Expected folder or log_dir"):
        kvae.callbacks.LatentTraversals(grey)


def test_a_model_of_vectors_is_refused_before_the_first_epoch(grey, tmp_path):
    flat = make_vae(event_shape=(5,))
    flat.compile("adam")
    draw = kvae.callbacks.LatentTraversals(grey, tmp_path)

    with pytest.raises(ValueError, match=r"over images .* Received: a VAE over \(5,\)"):
        flat.fit(np.zeros((4, 5), "float32"), verbose=0, callbacks=[draw])


def test_examples_of_another_shape_are_refused_before_the_first_epoch(eager, grey, tmp_path):
    draw = kvae.callbacks.LatentTraversals(grey[:, :4], tmp_path)

    with pytest.raises(ValueError, match=r"shape \(batch, 8, 8, 1\). Received: shape \(40, 4, 8"):
        eager.fit(grey, verbose=0, callbacks=[draw])
