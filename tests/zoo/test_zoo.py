"""The pretrained models: whole, small, licensed, and the same in Keras and in LiteRT."""

import shutil

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from kvae.zoo import names
from tests.helpers import run_python

MOST_BYTES, MOST_OF_ALL = 1_000_000, 6_000_000
NAMES = pytest.mark.parametrize("name", kvae.zoo.NAMES)
LICENCES = {
    "adult": "CC-BY-4.0",
    "digits-28": "CC-BY-SA-3.0",
    "emoji-32": "CC-BY-4.0",
    "fashion-28": "MIT",
    "sensor-64": "Apache-2.0",
}
ATTRIBUTION = {
    "adult": "Barry Becker, Ronny Kohavi",
    "digits-28": "Yann LeCun, Corinna Cortes",
    "emoji-32": "Twitter, Inc. and other contributors",
    "fashion-28": "Zalando SE",
    "sensor-64": "simulated",
}


@pytest.fixture(scope="module")
def loaded():
    """Each model for Keras, and for LiteRT."""
    return {
        name: (kvae.pretrained(name), runtime.Model(kvae.zoo.folder(name)))
        for name in kvae.zoo.NAMES
    }


def test_the_names_are_those_of_the_folders():
    folders = {path.name for path in names.BUNDLES.iterdir() if path.is_dir()}
    assert folders == set(kvae.zoo.NAMES)


@NAMES
def test_every_file_has_its_digest(name):
    bundle = runtime.Bundle(kvae.zoo.folder(name))
    bundle.check()
    assert {"README.md", "model.keras", "model-float16.tflite"} <= set(bundle.names)
    assert not any(file.endswith(".py") for file in bundle.names)  # installers compile these


def test_the_sensor_has_codes_of_its_windows_for_a_map():
    model = runtime.Model(kvae.zoo.folder("sensor-64"))
    codes = np.load(kvae.zoo.folder("sensor-64") / "codes.npy")
    assert codes.shape == (model.manifest["codes"], model.manifest["model"]["latent_dim"])
    assert len(codes) == 500
    for axis in model.manifest["axes"]:  # the range of an axis holds 99% of draws from posteriors
        column = codes[:, axis["index"]]
        assert np.mean((column >= axis["low"]) & (column <= axis["high"])) > 0.95


def test_they_are_small():
    sizes = {
        name: sum(file.stat().st_size for file in kvae.zoo.folder(name).iterdir())
        for name in kvae.zoo.NAMES
    }
    assert max(sizes.values()) < MOST_BYTES, sizes
    assert sum(sizes.values()) < MOST_OF_ALL


@NAMES
def test_card_and_manifest_name_licence_data_and_figures(name):
    bundle = runtime.Bundle(kvae.zoo.folder(name))
    card = bundle.read("README.md", 2**20).decode()
    notes = (names.BUNDLES / "LICENSES.md").read_text("utf-8")
    assert bundle.manifest["licence"] == LICENCES[name]
    assert ATTRIBUTION[name] in bundle.manifest["training_data"]
    assert f"## {name}\n" in notes
    for text in (LICENCES[name], ATTRIBUTION[name], "Test set: -log p(x)"):
        assert text in card
    assert bundle.manifest["diagnosis"]["verdict"]["state"] == "healthy"


@NAMES
def test_the_keras_model_is_that_of_the_manifest(name, loaded):
    vae, model = loaded[name]
    assert kvae.export.digest(vae) == model.manifest["model"]["sha256"]
    assert not vae.compiled


@NAMES
def test_keras_and_litert_agree_on_finite_values(name, loaded):
    vae, model = loaded[name]
    drawn = vae.sample(4, seed=1)
    assert np.isfinite(drawn).all()
    assert largest_share(model.sample(4, seed=1), drawn) < 1e-4
    x = vae.sample(4, seed=2, kind="draw")
    if model.manifest["model"]["inputs"]["x"]["domain"]["integer"]:
        x = np.round(x)  # 255 times a level in float32 misses the whole number by one bit
    mean, stddev = vae.encode(x)
    assert largest_share(model.decode(mean), vae.decode(mean)) < 1e-4
    # The weights are float16 in both, but what divides bytes by 255 is folded into a kernel of the
    # .tflite file, which is rounded once more.
    codes = (model.encode(x)[0] - mean) / stddev
    assert np.sqrt(np.mean(codes**2)) < 0.05  # the tolerance of the preset
    scores = vae.score(x)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(model.score(x), scores, rtol=1e-3)


def largest_share(found, expected):
    """The largest difference as a share of the largest value."""
    return np.abs(found - expected).max() / np.abs(expected).max()


@NAMES
def test_the_golden_vectors_agree(name):
    assert "float16" in kvae.export.verify(kvae.zoo.folder(name))


@pytest.mark.parametrize("function", [kvae.pretrained, kvae.zoo.folder])
def test_an_unknown_name_is_one_sentence_with_the_known_ones(function):
    with pytest.raises(ValueError, match=r"^Expected name .*'adult'.*'sensor-64'.*'mnist'$"):
        function("mnist")


def test_drawn_people_are_in_the_range_of_the_table(loaded):
    model, bundle = loaded["adult"]
    schema = kvae.data.TableSchema.from_config(bundle.manifest["table"])
    x = model.sample(2000, seed=0, kind="draw")
    assert schema.without_range().to_frame(x)["hours_per_week"].min() < 1
    people = schema.to_frame(x)
    assert people["hours_per_week"].between(1, 99).all()
    assert people["age"].between(17, 90).all()
    assert people["capital_gain"].between(0, 99999).all()


def test_a_copy_is_a_bundle_with_its_runtime(tmp_path):
    path = kvae.zoo.copy("sensor-64", tmp_path / "sensor")
    bundle = runtime.Bundle(path)
    bundle.check()
    own = set(runtime.Bundle(kvae.zoo.folder("sensor-64")).names)
    assert set(bundle.names) == own | {"runtime.py"}
    assert "from runtime import Model" in (path / "README.md").read_text("utf-8")
    with pytest.raises(FileExistsError):
        kvae.zoo.copy("sensor-64", path)


def test_an_altered_file_is_refused(tmp_path, monkeypatch):
    shutil.copytree(kvae.zoo.folder("adult"), tmp_path / "adult")
    content = bytearray((tmp_path / "adult/model.keras").read_bytes())
    content[1000] ^= 1
    (tmp_path / "adult/model.keras").write_bytes(content)
    monkeypatch.setattr(names, "BUNDLES", tmp_path)
    with pytest.raises(runtime.BundleError, match=r"altered.*model\.keras"):
        kvae.pretrained("adult")


def test_the_bundle_needs_no_tensorflow(tmp_path):
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf_keras', 'tensorflow_probability'):\n"
        "    sys.modules[name] = None\n"
        "import kvae\n"
        "from kvae.export.runtime import Model\n"
        "print(Model(kvae.zoo.folder('digits-28')).sample(2, seed=0).shape)\n"
    )
    assert run_python(code, tmp_path).strip() == "(2, 28, 28, 1)"


def test_a_pretrained_model_trains_further():
    vae = kvae.pretrained("sensor-64")
    x = vae.sample(64, seed=0, kind="draw")
    vae.compile("adam", jit_compile=False)
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()
