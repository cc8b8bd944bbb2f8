"""Low-rank adaptation of layers, `enable_lora` of Keras, in a model that was used before."""

import keras
import numpy as np
import pytest

from tests.helpers import assert_same_in_float32
from tests.small import make_hierarchy, make_vae


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")


def adapted(model, x):
    """Train low-rank matrices alone, in a model whose methods have been called."""
    model.compile("adam")
    before = model.score(x), model.sample(3, seed=0), model.elbo(x, seed=0)
    assert np.isfinite(np.concatenate([each.ravel() for each in before])).all()
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dense) and layer.built:
            layer.enable_lora(2)
    kernels = [np.asarray(w.value) for w in model.non_trainable_weights]
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(x, epochs=2, verbose=0)
    for kernel, now in zip(kernels, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(kernel, np.asarray(now.value))
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_vae((6,), 2),
        pytest.param(lambda: make_hierarchy((2, 3), (6,)), marks=pytest.mark.thorough),
    ],
    ids=["vae", "ladder"],
)
def test_array_methods_compute_with_what_was_learned(make, x, tmp_path):
    keras.utils.set_random_seed(0)
    model = adapted(make(), x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")  # its functions are traced anew
    assert_same_in_float32(model.score(x), loaded.score(x))
    assert_same_in_float32(model.sample(3, seed=0), loaded.sample(3, seed=0))
    assert_same_in_float32(model.elbo(x, seed=0), loaded.elbo(x, seed=0))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_array_methods_compute_with_a_network_that_was_quantized(x, tmp_path):
    vae = make_vae((6,), 2)
    before = vae.score(x)
    vae.encoder.quantize("int8")
    vae.decoder.quantize("int8")
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert np.abs(vae.score(x) - before).max() > 1e-4
    assert_same_in_float32(vae.score(x), loaded.score(x))
