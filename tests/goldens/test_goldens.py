"""What kvae has written in an earlier version is read by this one, and says the same.

If a test here fails, the code has broken the files that users have: `make.py` says what to do.
"""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import kvae
from kvae.export import runtime
from kvae.export.verification import processes
from tests.conformance.record import record
from tests.goldens import make
from tests.helpers import relative

FOLDER = Path(__file__).parent
NEWEST = max(FOLDER.glob("v*"), key=lambda path: int(path.name[1:]))
MODELS = sorted(FOLDER.glob("v*/*/model.keras"))
BUNDLES = sorted(FOLDER.glob("v*/*/bundle"))
FLOAT32 = 1e-5


def names(paths):
    return [f"{path.parts[-3]}-{path.parts[-2]}" for path in paths]


def arrays(file):
    """Return the arrays of an .npz file."""
    with np.load(file, allow_pickle=False) as found:
        return dict(found)


@pytest.mark.parametrize("path", MODELS, ids=names(MODELS))
def test_a_keras_file_says_what_it_said_when_it_was_written(path):
    """Safe mode, and no `custom_objects`: the names in the file are found by `import kvae`."""
    model = keras.saving.load_model(path, safe_mode=True)
    found = record(model, arrays(path.parent / "inputs.npz"))
    expected = arrays(path.parent / "outputs.npz")
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert relative(found[key], value) < FLOAT32, key


@pytest.mark.parametrize("family", make.COMPILED)
def test_a_compiled_keras_file_is_trained_on(family):
    """With the objective, the optimizers and their state."""
    model = keras.saving.load_model(NEWEST / family / "model.keras")
    inputs = arrays(NEWEST / family / "inputs.npz")
    optimizers = [optimizer for optimizer, _ in model.update_groups().values()]
    assert [int(optimizer.iterations) for optimizer in optimizers] == [1] * len(optimizers)
    moments = [v for v in optimizers[0].variables if "momentum" in v.path or "velocity" in v.path]
    assert moments
    assert all(np.any(np.array(moment)) for moment in moments)
    logs = model.fit(inputs["x"], epochs=2, verbose=0).history
    assert np.all(np.isfinite(logs["loss"]))
    assert [int(optimizer.iterations) for optimizer in optimizers] == [3] * len(optimizers)


@pytest.mark.parametrize("path", BUNDLES, ids=names(BUNDLES))
def test_a_bundle_is_verified_by_this_version(path, monkeypatch):
    """Digests, manifest, and every file against Keras' outputs; here in this process."""
    monkeypatch.setattr(
        processes, "run_script", lambda script, files, _: script.main(*map(str, files))
    )
    measured = kvae.export.verify(path)
    assert sorted(measured) == sorted(make.PRESETS)
    artefacts = runtime.Bundle(path).manifest["artefacts"]
    held = {artefact["preset"]: artefact["signatures"] for artefact in artefacts}
    for preset, signatures in measured.items():
        assert signatures.keys() == held[preset].keys()


@pytest.mark.parametrize("path", BUNDLES, ids=names(BUNDLES))
def test_the_runtime_says_of_a_bundle_what_keras_said(path):
    model = runtime.Model(path, preset="float32")
    expected = {}
    for key, value in model.golden().items():
        side, signature, name = key.split("/")
        expected.setdefault(signature, {}).setdefault(side, {})[name] = value
    assert expected.keys() == model.signatures.keys()
    for signature, sides in expected.items():
        found = model.run(signature, **sides["inputs"])
        tolerance = 1e-4 if signature == "sample" else FLOAT32  # logarithms of another library
        for name, value in sides["expected"].items():
            if value.dtype.kind == "f":
                assert relative(found[name], value) < tolerance, (signature, name)
            else:
                assert np.mean(found[name] == value) > 0.999, (signature, name)  # at ties


@pytest.mark.slow
def test_the_script_in_a_bundle_still_runs(tmp_path):
    """A bundle runs with the runtime that it brings, whatever version is installed."""
    command = [sys.executable, "-B", NEWEST / "vae" / "bundle" / "runtime.py", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("one draw, shape (4,)")


def test_every_family_has_a_golden_of_the_newest_format():
    assert {path.name for path in NEWEST.iterdir()} == make.FAMILIES.keys()
    bundles = {path.parent.name for path in NEWEST.glob("*/bundle")}
    assert bundles == make.BUNDLES.keys()
    for path in NEWEST.glob("*/bundle/manifest.json"):
        assert json.loads(path.read_text("utf-8"))["schema"] == runtime.SCHEMA


def test_every_class_of_models_has_a_golden():
    """Of a new family `make.FAMILIES` is told; `docs/architecture.md` says so."""
    objects = keras.saving.get_custom_objects()
    models = {
        value.__name__
        for name, value in objects.items()
        if name.startswith("kvae>") and issubclass(value, kvae.models.LatentModel)
    }
    saved = set()
    for path in NEWEST.glob("*/model.keras"):
        saved.add(config_of(path)["class_name"])
    assert models == saved


def config_of(path):
    """Return the configuration in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def test_an_old_golden_is_never_overwritten(tmp_path):
    (tmp_path / "vae").mkdir()
    with pytest.raises(FileExistsError):
        make.main(tmp_path, "vae")
