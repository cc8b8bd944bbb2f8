"""`keras.Model.quantize`, which changes the weights of a built model."""

import keras
import numpy as np
import pytest

import kvae
from tests.small import make_vae

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(40, 6)).astype("float32")


def test_every_method_computes_with_the_quantized_weights(x, tmp_path):
    vae = make_vae((6,), 2)
    vae.compile("sgd")
    before = vae.score(x), vae.encode(x)[0], vae.evaluate(x, verbose=0, seed=0)
    assert np.isfinite(before[2]).all()
    vae.quantize("int8")
    after = vae.score(x)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")  # its functions are traced anew
    np.testing.assert_allclose(after, loaded.score(x), rtol=1e-5)
    np.testing.assert_allclose(vae.encode(x)[0], loaded.encode(x)[0], rtol=1e-5, atol=1e-6)
    assert np.abs(after - before[0]).max() > 1e-4
    np.testing.assert_allclose(after, before[0], rtol=0.05)  # of 8 bits


def test_a_quantized_model_is_not_exported(x, tmp_path):
    vae = make_vae((6,), 2)
    vae.quantize("int8")
    for export in (kvae.export.tflite, kvae.export.saved_model):
        with pytest.raises(ValueError, match=r"weights that vae.quantize has changed, .*kernel"):
            export(vae, tmp_path / "out.tflite")
