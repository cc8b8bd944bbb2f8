"""What the manifest and the card of a bundle say of its origin."""

import hashlib
import importlib.metadata
import json
from datetime import UTC, datetime

import keras
import numpy as np
import pandas as pd
import pytest

import kvae
from kvae.export import runtime
from tests.small import make_vae

FACTS = {
    "description": "Vibration of a pump.",
    "author": "A. Author <a@example.org>",
    "licence": "CC-BY-4.0 OR Apache-2.0",
    "training_data": "Two weeks of one pump in normal operation, 2024; 50 | 60 Hz.",
}


def write(path, monkeypatch, epoch="1700000000", vae=None):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    kvae.export.bundle(
        vae or make_vae((6,), 2),
        path,
        data=np.random.default_rng(0).uniform(size=(60, 6)).astype("float32"),
        presets=["float32"],
        signatures=["decode", "encode", "score"],
        measure=False,
        **FACTS,
    )
    return runtime.Bundle(path)


def test_the_manifest_and_the_card_say_where_the_model_comes_from(tmp_path, monkeypatch):
    vae = make_vae((6,), 2)
    bundle = write(tmp_path / "bundle", monkeypatch, vae=vae)
    manifest = bundle.manifest
    assert {name: manifest[name] for name in FACTS} == FACTS
    assert manifest["date"] == "2023-11-14T22:13:20Z"
    assert manifest["model"]["sha256"] == kvae.export.digest(vae)
    for name in ("keras", "numpy", "tensorflow", "ai-edge-litert", "ai-edge-quantizer"):
        assert manifest["versions"][name] == importlib.metadata.version(name)
    assert manifest["versions"]["kvae"] == manifest["kvae"] == kvae.__version__
    assert manifest["versions"].keys() >= {"python", "tensorflow-probability"}
    card = (tmp_path / "bundle" / "README.md").read_text("utf-8")
    for told in (*FACTS.values(), manifest["date"], manifest["model"]["sha256"]):
        assert told.replace("|", "\\|") in card
    assert f"keras {keras.__version__}" in card


def test_without_source_date_epoch_the_date_is_now(tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    kvae.export.bundle(
        make_vae((6,), 2), tmp_path / "b", presets=["float32"], signatures=["decode"], measure=False
    )
    told = datetime.fromisoformat(runtime.Bundle(tmp_path / "b").manifest["date"])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 3600


@pytest.mark.parametrize("wrong", ["", "tomorrow", "-1", "1e9", "9" * 30])
def test_a_source_date_epoch_that_is_no_time_is_refused(tmp_path, monkeypatch, wrong):
    with pytest.raises(ValueError, match="Expected SOURCE_DATE_EPOCH to be"):
        write(tmp_path / "bundle", monkeypatch, wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_the_same_model_makes_the_same_bytes(tmp_path, monkeypatch):
    """With SOURCE_DATE_EPOCH, and without measured times: they are of a machine and a moment."""
    vae = make_vae((6,), 2)
    (tmp_path / "other").mkdir()
    first = write(tmp_path / "bundle", monkeypatch, vae=vae)
    second = write(tmp_path / "other" / "bundle", monkeypatch, vae=vae)
    sums = [(bundle.root / runtime.SUMS).read_text() for bundle in (first, second)]
    assert sums[0] == sums[1]


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("wrong", ["two\nlines", "\x1b[31mred", 3, None])
def test_a_fact_is_one_line_of_text(tmp_path, name, wrong):
    with pytest.raises(ValueError, match=f"Expected {name} to be one line of text"):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "bundle", **{name: wrong})
    assert list(tmp_path.iterdir()) == []


def test_the_digest_is_of_architecture_and_weights(tmp_path):
    vae = make_vae((6,), 2)
    digest = kvae.export.digest(vae)
    vae.save(tmp_path / "vae.keras")
    assert kvae.export.digest(keras.saving.load_model(tmp_path / "vae.keras")) == digest
    vae.compile(optimizer="adam")
    assert kvae.export.digest(vae) == digest
    vae.weights[0].assign_add(1e-6 * np.ones(vae.weights[0].shape))
    assert kvae.export.digest(vae) != digest


def test_the_digest_is_what_the_page_says():
    vae = make_vae((6,), 2)

    def text(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    content = text(vae.get_config())
    for weight in vae.weights:
        values = keras.ops.convert_to_numpy(weight)
        content += text([str(values.dtype), list(values.shape)])
        content += np.ascontiguousarray(values).astype(values.dtype.str.replace(">", "<")).tobytes()
    assert kvae.export.digest(vae) == hashlib.sha256(content).hexdigest()


def test_the_digest_tells_architectures_of_the_same_weights_apart():
    models = []
    for layer in (kvae.layers.IndependentBernoulli(6), kvae.layers.ContinuousBernoulli(6)):
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        models.append(make_vae((6,), 2, likelihood=layer))
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert kvae.export.digest(models[0]) != kvae.export.digest(models[1])


def test_the_card_tells_inputs_with_their_ranges_and_outputs(tmp_path, monkeypatch):
    low, high = -20.0, 180.0
    likelihood = kvae.layers.Transformed(
        kvae.layers.IndependentNormal(6), kvae.transforms.Standardization(80.0, 100.0)
    )
    vae = make_vae((6,), 2, likelihood=likelihood)
    data = np.random.default_rng(0).uniform(low, high, size=(60, 6)).astype("float32")
    kvae.export.bundle(vae, tmp_path / "b", data=data, presets=["float32"], measure=False)
    manifest = runtime.Bundle(tmp_path / "b").manifest
    ends = {"low": float(data.min()), "high": float(data.max())}
    assert manifest["examples"]["ranges"] == {"x": [ends]}
    card = (tmp_path / "b" / "README.md").read_text("utf-8")
    rows = [line for line in card.splitlines() if line.startswith("| score ")]
    assert len(rows) == 1
    assert "x: float32 (1, 6)" in rows[0]
    assert "score: float32 (1)" in rows[0]
    assert f"{data.min():.4g} to {data.max():.4g}" in card
    for name in ("z", "t", "seed"):
        assert f"| {name} |" in card


def test_columns_are_told_one_by_one(tmp_path):
    layers = kvae.layers
    likelihood = layers.Columns(
        [
            layers.IndependentPoisson((), name="age"),
            layers.ContinuousBernoulli((), name="share"),
        ]
    )
    vae = make_vae((2,), 2, likelihood=likelihood)
    rng = np.random.default_rng(0)
    data = np.stack([rng.integers(0, 90, 40), rng.uniform(size=40)], axis=1).astype("float32")
    kvae.export.bundle(
        vae, tmp_path / "b", data=data, presets=["float32"], signatures=["encode"], measure=False
    )
    manifest = runtime.Bundle(tmp_path / "b").manifest
    assert len(manifest["examples"]["ranges"]["x"]) == 2
    card = (tmp_path / "b" / "README.md").read_text("utf-8")
    for column, values in zip(("age", "share"), data.T, strict=True):
        (line,) = [line for line in card.splitlines() if line.startswith(f"| x, {column} ")]
        assert f"{values.min():.4g} to {values.max():.4g}" in line


def test_the_schema_of_another_table_is_refused(tmp_path):
    schema = kvae.data.TableSchema.infer(pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]}))
    for table in (schema, schema.get_config()):
        with pytest.raises(ValueError, match=r"Expected schema to be a kvae.data.TableSchema"):
            kvae.export.bundle(make_vae((6,), 2), tmp_path / "bundle", schema=table)


def test_channels_of_a_series_have_names(tmp_path):
    vae = make_vae((6, 2), 2)
    settings = {"presets": ["float32"], "signatures": ["decode"], "measure": False}
    kvae.export.bundle(vae, tmp_path / "named", channels=["left", "right | °C"], **settings)
    assert runtime.Bundle(tmp_path / "named").manifest["channels"] == ["left", "right | °C"]
    card = (tmp_path / "named" / "README.md").read_text("utf-8")
    assert "| channels | left, right \\| °C |" in card
    for wrong in (["left"], ["a", "b", "c"], ["a", ""]):
        with pytest.raises(ValueError, match="channels to name the last axis of a series"):
            kvae.export.bundle(vae, tmp_path / "wrong", channels=wrong, **settings)
    with pytest.raises(ValueError, match="Expected channels to be a list of names"):
        kvae.export.bundle(vae, tmp_path / "wrong", channels="ab", **settings)
    with pytest.raises(ValueError, match="channels to be one line of text"):
        kvae.export.bundle(vae, tmp_path / "wrong", channels=["a", "b\n"], **settings)
    with pytest.raises(ValueError, match=r"of a series \(time, channels\)"):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "wrong", channels=["a"] * 6, **settings)
    assert not (tmp_path / "wrong").exists()
