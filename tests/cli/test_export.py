"""`kvae export` says all that `kvae.export.bundle` takes."""

import inspect
import json

import numpy as np
import pandas as pd
import pytest
import typer.main
from typer.testing import CliRunner

import kvae
from kvae.cli.bundles import _tolerances
from kvae.cli.main import app
from kvae.export import Tolerance
from tests.export.families import examples, make_conditional
from tests.small import make_vae

# What an option is called, where a repeatable one has the singular and a path its own word.
OPTIONS = {
    "channels": "channel",
    "vae": "model",
    "path": "output",
    "presets": "preset",
    "signatures": "signature",
    "batch_sizes": "batch_size",
}
# Of the command alone: it prints.
COMMAND_ONLY = {"as_json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    make_vae((6,), 2).save(folder / "vae.keras")
    x = np.random.default_rng(0).uniform(size=(60, 6)).astype("float32")
    np.save(folder / "x.npy", x)
    frame = pd.DataFrame(x, columns=list("abcdef"))
    frame.to_csv(folder / "x.csv", index=False)
    schema = kvae.data.TableSchema.infer(frame)
    (folder / "schema.json").write_text(json.dumps(schema.get_config()))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments], env={"NO_COLOR": "1"})


def test_every_argument_of_bundle_is_an_option_and_no_other():
    command = typer.main.get_command(app).commands["export"]
    options = {parameter.name for parameter in command.params} - {"help"} - COMMAND_ONLY
    arguments = inspect.signature(kvae.export.bundle).parameters
    assert options == {OPTIONS.get(name, name) for name in arguments}


def test_the_options_have_the_defaults_of_the_function():
    command = typer.main.get_command(app).commands["export"]
    defaults = {parameter.name: parameter.default for parameter in command.params}
    for name, argument in inspect.signature(kvae.export.bundle).parameters.items():
        if argument.default is not inspect.Parameter.empty:
            assert same(defaults[OPTIONS.get(name, name)]) == same(argument.default), name


def same(default):
    """Return a default as the command and the function both could have it: no option is None."""
    return (list(default) if isinstance(default, tuple) else default) or None


@pytest.mark.parametrize("option", ["MODEL", "--data", "--calibration", "--schema"])
def test_what_is_read_may_not_lie_in_what_is_replaced(option, folder, tmp_path):
    inside, found = tmp_path / "run" / "kept", folder / "vae.keras"
    inside.parent.mkdir()
    inside.write_text("dear")
    others = [] if option == "MODEL" else [option, inside]
    model = inside.parent if option == "MODEL" else found
    done = run("export", model, *others, "--output", inside.parent, "--overwrite")
    assert done.exit_code == 2, done.output
    said = " ".join(done.stderr.split())
    assert f"Expected {option} outside of --output, which is replaced" in said
    assert inside.read_text() == "dear"


def test_every_option_reaches_the_function(folder, tmp_path, monkeypatch):
    received = {}
    monkeypatch.setattr(
        kvae.export, "bundle", lambda *a, **k: received.update(k, path=a[1]) or {}, raising=False
    )
    done = run(
        *("export", folder / "vae.keras", "--output", tmp_path / "b", "--data", folder / "x.csv"),
        *("--preset", "float32", "--preset", "int8-full", "--signature", "decode"),
        *("--batch-size", 1, "--batch-size", 8, "--overwrite", "--no-measure"),
        *("--tolerance", "int8-full:psnr=30", "--tolerance", "float32:error=1e-4,score=0.1"),
        *("--description", "A pump.", "--author", "A", "--licence", "MIT"),
        *("--training-data", "Two weeks.", "--preprocessing", "None."),
        *("--calibration", folder / "x.csv", "--false-alarm-rate", 0.1, "--two-sided"),
        *("--schema", folder / "schema.json", "--channel", "a", "--channel", "b"),
        *("--trainable", "scale", "--optimizer", "sgd", "--training-batch-size", 4),
        *("--keras", "--golden-bytes", 5000, "--codes", 30),
    )
    assert done.exit_code == 0, done.output
    assert received.pop("schema").width == 6
    assert received.pop("data").shape == (60, 6)
    assert received.pop("calibration").shape == (60, 6)
    assert received == {
        "false_alarm_rate": 0.1,
        "two_sided": True,
        "channels": ["a", "b"],
        "trainable": "scale",
        "optimizer": "sgd",
        "training_batch_size": 4,
        "keras": True,
        "golden_bytes": 5000,
        "codes": 30,
        "path": tmp_path / "b",
        "presets": ["float32", "int8-full"],
        "signatures": ["decode"],
        "batch_sizes": [1, 8],
        "tolerance": {
            "int8-full": Tolerance(psnr=30.0),
            "float32": Tolerance(error=1e-4, score=0.1),
        },
        "description": "A pump.",
        "author": "A",
        "licence": "MIT",
        "training_data": "Two weeks.",
        "preprocessing": "None.",
        "measure": False,
        "overwrite": True,
    }


def test_what_is_told_stands_in_the_manifest(folder, tmp_path):
    done = run(
        *("export", folder / "vae.keras", "--output", tmp_path / "b", "--preset", "float32"),
        *("--licence", "CC0-1.0", "--training-data", "Noise.", "--no-measure", "--json"),
    )
    assert done.exit_code == 0, done.output
    manifest = json.loads(done.stdout)
    assert (manifest["licence"], manifest["training_data"]) == ("CC0-1.0", "Noise.")


def test_a_preset_that_is_left_out_is_named_beside_the_json(folder, tmp_path):
    done = run(
        *("export", folder / "vae.keras", "--output", tmp_path / "b", "--signature", "decode"),
        *("--preset", "float32", "--preset", "float16", "--tolerance", "float16:psnr=300"),
        *("--no-measure", "--json"),
    )
    assert done.exit_code == 0, done.output
    assert [each["preset"] for each in json.loads(done.stdout)["artefacts"]] == ["float32"]
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Warning: ")
    assert "--tolerance float16:NAME=NUMBER" in line


@pytest.mark.parametrize(
    "wrong",
    [
        "int8",
        "int8:",
        "int8:psnr",
        "int8:psnr=",
        "int8:psnr=high",
        "int8:digits=3",
        ":psnr=3",
        "int8:error=nan",
        "int8:psnr=-1",
    ],
)
def test_a_tolerance_that_is_none_is_refused(folder, tmp_path, wrong):
    done = run("export", folder / "vae.keras", "--output", tmp_path / "b", "--tolerance", wrong)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: Expected --tolerance to be of the form PRESET:NAME=NUMBER")
    assert list(tmp_path.iterdir()) == []


def test_tolerances_of_one_preset_add_up():
    found = _tolerances(["int8:psnr=35", "float16:error=1", "int8:score=1,psnr=30"])
    assert found == {"int8": Tolerance(psnr=30.0, score=1.0), "float16": Tolerance(error=1.0)}


def test_a_tolerance_of_no_preset_is_refused(folder, tmp_path):
    done = run(
        "export", folder / "vae.keras", "--output", tmp_path / "b", "--tolerance", "int4:psnr=3"
    )
    assert done.exit_code == 2, done.output
    assert "int4" in done.stderr


def test_a_condition_reaches_the_function(tmp_path, monkeypatch):
    received = {}
    monkeypatch.setattr(
        kvae.export, "bundle", lambda *a, **k: received.update(k) or {}, raising=False
    )
    make_conditional().save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", **examples())
    arguments = ("--output", tmp_path / "b", "--data", tmp_path / "data.npz")
    done = run("export", tmp_path / "model.keras", *arguments)
    assert done.exit_code == 0, done.output
    assert received["data"].keys() == {"x", "condition"}
