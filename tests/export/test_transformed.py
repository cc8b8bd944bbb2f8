"""Raw data in, raw units out: transforms are part of every exported graph."""

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export import runtime
from tests.small import make_vae

layers, transforms = kvae.layers, kvae.transforms


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(4)
    return rng.normal([3000.0, 1.0, 40.0], [200.0, 0.01, 5.0], (300, 3)).astype("float32")


@pytest.fixture(scope="module")
def sensor_bundle(x, tmp_path_factory):
    """A bundle of a model whose columns are standardized, one after a logarithm."""
    standardized = transforms.Standardization
    columns = [
        layers.Transformed(layers.IndependentNormal((), min_scale=0.05), standardized(), name="a"),
        layers.Transformed(layers.IndependentNormal((), min_scale=0.05), standardized(), name="b"),
        layers.Transformed(
            layers.IndependentNormal((), min_scale=0.05),
            transforms.Chain([transforms.Log(), standardized()]),
            name="c",
        ),
    ]
    vae = make_vae(3, 2, likelihood=layers.Columns(columns))
    vae.adapt(x)
    vae.compile("adam")
    vae.fit(x, epochs=3, verbose=0)
    path = tmp_path_factory.mktemp("sensor") / "bundle"
    kvae.export.bundle(vae, path, data=x, presets=["float32"], measure=False)
    return vae, path


def test_the_exported_functions_take_and_give_raw_data(sensor_bundle, x):
    vae, path = sensor_bundle
    model = runtime.Model(path)
    assert model.manifest["model"]["decoded"] == "center"
    np.testing.assert_allclose(model.run("score", x=x)["score"], vae.score(x), rtol=1e-4, atol=1e-3)
    mean, stddev = vae.encode(x)
    encoded = model.run("encode", x=x)
    np.testing.assert_allclose(encoded["mean"], mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(encoded["stddev"], stddev, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.decode(mean), vae.decode(mean), rtol=1e-4)
    np.testing.assert_allclose(model.sample(9, seed=3), vae.sample(9, seed=3), rtol=1e-4)
    assert np.all(np.abs(model.decode(mean) - x.mean(axis=0)) < 10 * x.std(axis=0))


def test_a_saved_model_holds_the_transform(sensor_bundle, x, tmp_path):
    vae, _ = sensor_bundle
    result = kvae.export.saved_model(vae, tmp_path / "served", data=x)
    served = tf.saved_model.load(str(result.path)).signatures["score"]
    np.testing.assert_allclose(
        served(x=tf.constant(x))["score"], vae.score(x), rtol=1e-4, atol=1e-3
    )


@pytest.mark.thorough
def test_the_card_names_the_domain_of_raw_pixels(tmp_path):
    likelihood = layers.Transformed(layers.DiscretizedLogistic((4, 4, 1)), transforms.Pixels())
    vae = make_vae((4, 4, 1), 2, likelihood=likelihood)
    vae.compile("adam")
    x = np.random.default_rng(0).integers(0, 256, (64, 4, 4, 1)).astype("uint8")
    vae.fit(x, verbose=0)
    kvae.export.bundle(
        vae, tmp_path / "pixels", data=x, presets=["float32", "float16", "int8-weights", "int8"]
    )
    model = runtime.Model(tmp_path / "pixels")
    assert model.signatures["encode"]["inputs"]["x"]["dtype"] == "uint8"
    np.testing.assert_allclose(model.score(x), vae.score(x), rtol=1e-4)
    np.testing.assert_allclose(model.encode(x)[0], vae.encode(x)[0], atol=1e-5)
    np.testing.assert_allclose(model.score(x.astype("float64")), vae.score(x), rtol=1e-4)
    for wrong in (x / 255.0, x.astype("float32") - 1.0, x.astype("float32") + 1.0):
        with pytest.raises(ValueError, match="whole numbers"):
            model.score(wrong)
    assert "whole numbers in [0, 255]" in (tmp_path / "pixels" / "README.md").read_text()
