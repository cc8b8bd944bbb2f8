"""A bundle may hold the Keras model itself."""

import keras
import numpy as np
import pytest

import kvae
from kvae.export import runtime
from kvae.export.bundles.keras_file import keras_file
from tests.small import kl, make_vae


@pytest.fixture(scope="module")
def trained():
    vae = make_vae((6,), 2)
    vae.compile("adam", jit_compile=False)
    vae.fit(np.random.default_rng(0).uniform(size=(64, 6)).astype("float32"), verbose=0)
    return vae


@pytest.fixture(scope="module")
def path(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "bundle"
    kvae.export.bundle(
        trained,
        path,
        presets=["float32"],
        signatures=["decode", "sample"],
        keras=True,
        golden_bytes=2_000,
        measure=False,
    )
    return path


def test_the_model_in_a_bundle_is_the_source_model(trained, path):
    runtime.Bundle(path).check()
    loaded = keras.saving.load_model(path / "model.keras")
    assert kvae.export.digest(loaded) == runtime.Bundle(path).manifest["model"]["sha256"]
    np.testing.assert_array_equal(loaded.sample(3, seed=0), trained.sample(3, seed=0))


def test_it_brings_no_optimizer_and_trains_after_compile(trained, path):
    loaded = keras.saving.load_model(path / "model.keras")
    assert trained.compiled
    assert not loaded.compiled
    loaded.compile("adam", jit_compile=False)
    loaded.fit(np.full((8, 6), 0.5, "float32"), verbose=0)


def test_the_same_model_and_date_give_the_same_bytes(trained):
    first, second = (keras_file(trained, "2024-01-31T12:00:00Z") for _ in range(2))
    assert first == second


def vae_with(layer):
    likelihood = kvae.layers.IndependentBernoulli((6,))
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(posterior.params_size)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6), layer])
    return kvae.VAE(encoder, posterior, decoder, likelihood)


def test_a_model_with_a_lambda_layer_is_held(tmp_path):
    vae = vae_with(keras.layers.Lambda(lambda x: 2.0 * x))
    (tmp_path / "model.keras").write_bytes(keras_file(vae, "2024-01-31T12:00:00Z"))
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded.sample(3, seed=0), vae.sample(3, seed=0))


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs


def test_a_class_that_is_not_registered_is_named_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("kvae.export.bundles.write.examples_of", None)
    with pytest.raises(ValueError, match=r"to be registered by .*Received: Unregistered$"):
        kvae.export.bundle(vae_with(Unregistered()), tmp_path / "bundle", keras=True)
    assert list(tmp_path.iterdir()) == []


def test_an_altered_model_is_refused(path, tmp_path):
    (tmp_path / "copy").mkdir()
    for file in path.iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    content = bytearray((path / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "copy" / "model.keras").write_bytes(content)
    with pytest.raises(runtime.BundleError, match=r"altered.*model\.keras"):
        runtime.Bundle(tmp_path / "copy").read("model.keras", 2**20)


def test_golden_vectors_take_what_they_may(path):
    largest = (path / "model-float32.tflite").stat().st_size // 10
    headers = 6_000
    assert (path / "golden.npz").stat().st_size < max(2_000, largest) + headers
    assert kvae.export.verify(path)["float32"].keys() == {"decode", "sample"}
