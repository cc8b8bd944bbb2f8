"""`kvae pretrained`, and pretrained:NAME in the place of a model."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.export import runtime
from kvae.export.bundles.seal import seal


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


def test_it_lists_the_names_with_their_licences():
    told = json.loads(invoke("pretrained", "--json").stdout)
    assert tuple(told) == kvae.zoo.NAMES
    assert told["fashion-28"]["licence"] == "MIT"
    assert "fashion-28" in invoke("pretrained").stdout


def test_it_copies_a_bundle(tmp_path):
    done = invoke("pretrained", "adult", "--output", tmp_path / "rows")
    assert done.exit_code == 0, done.output
    runtime.Bundle(tmp_path / "rows").check()
    again = invoke("pretrained", "adult", "--output", tmp_path / "rows")
    assert again.exit_code == 2
    assert "Expected --output to be free" in again.stderr


def test_an_unknown_name_is_one_line_with_the_known_ones(tmp_path):
    for arguments in (("pretrained", "cats"), ("info", "pretrained:cats")):
        done = invoke(*arguments)
        assert done.exit_code == 2
        assert "'emoji-32'" in done.stderr
        assert "Traceback" not in done.output


def test_commands_take_a_name_in_the_place_of_a_model(tmp_path):
    told = json.loads(invoke("info", "pretrained:sensor-64", "--json").stdout)
    assert (told["is"], told["health"]) == ("a bundle", "healthy")
    done = invoke("sample", "pretrained:adult", "-n", 7, "-o", tmp_path / "rows.csv")
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert len(rows) == 7
    assert {"age", "education", "income"} <= set(rows.columns)
    scored = invoke("score", "pretrained:adult", tmp_path / "rows.csv", "--json")
    assert len(json.loads(scored.stdout)["rows"]["score"]) == 7
    verified = invoke("verify", "pretrained:digits-28")
    assert verified.exit_code == 0, verified.output


@pytest.mark.thorough
def test_export_and_impute_take_a_name_too(tmp_path):
    exported = invoke("export", "pretrained:adult", "-o", tmp_path / "b", "--preset", "int4")
    assert "Expected preset to be one of" in exported.stderr
    rows = invoke("sample", "pretrained:adult", "-n", 5, "-o", tmp_path / "rows.csv")
    assert rows.exit_code == 0, rows.output
    told = ("impute", "pretrained:adult", tmp_path / "rows.csv", "-o", tmp_path / "all.csv")
    assert "Expected a model with missing=True" in invoke(*told).stderr


def test_a_bundle_without_the_keras_model_is_named_where_one_is_needed(tmp_path):
    path = kvae.zoo.copy("adult", tmp_path / "adult")
    manifest = runtime.Bundle(path).manifest
    (path / "model.keras").unlink()
    seal(path, manifest, "adult")
    done = invoke("sample", path, "-o", tmp_path / "rows.csv")
    assert done.exit_code == 2
    assert "Expected MODEL to be a bundle with model.keras" in done.stderr


def test_windows_of_the_sensor_are_decided_on(tmp_path):
    model = runtime.Model(kvae.zoo.folder("sensor-64"))
    x = model.sample(5, seed=0)
    x[2, 30] += 9.0  # both channels
    np.save(tmp_path / "x.npy", x)
    done = invoke("score", "pretrained:sensor-64", tmp_path / "x.npy", "--json")
    assert json.loads(done.stdout)["rows"]["is_anomaly"][2]


def test_the_page_takes_a_name_as_it_is(monkeypatch):
    from kvae.cli import web

    folder = kvae.zoo.folder("emoji-32")
    assert web._bundle(folder, None, None, None) == folder  # no model is exported again


def test_bench_measures_one_and_leaves_the_package_as_it_is():
    folder = kvae.zoo.folder("digits-28")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    measured = invoke("bench", "pretrained:digits-28", "--json")
    assert measured.exit_code == 0, measured.output
    presets = [
        each["preset"] for each in json.loads((folder / "manifest.json").read_text())["artefacts"]
    ]
    assert [each["preset"] for each in json.loads(measured.stdout)["files"]] == presets
    refused = invoke("bench", "pretrained:digits-28", "--save")
    assert refused.exit_code == 2
    assert "Expected a bundle of your own with --save" in refused.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
