"""Paths and errors in brackets, which are the markup of rich, are printed as they are."""

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from kvae.cli import doctor, terminal
from kvae.cli.main import app
from tests.small import make_vae


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terminal") / "run[old]"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    make_vae((6,), 2).save(folder / "vae.keras")
    np.save(folder / "x.npy", np.random.default_rng(0).uniform(size=(4, 6)).astype("float32"))
    np.save(folder / "windows.npy", np.zeros((4, 64, 2), "float32"))
    return folder


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("pretrained adult", "bundle"),
        ("sample vae.keras", "new.npy"),
        ("interpolate vae.keras x.npy --steps 3", "path.npy"),
        ("score pretrained:sensor-64 windows.npy", "scores.csv"),
    ],
)
def test_a_command_names_the_file_that_it_wrote(folder, monkeypatch, command, name):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(terminal.console, "width", 40)  # narrower than the path
    done = invoke(*command.split(), "--output", name)
    assert done.exit_code == 0, done.output
    assert f"in {(folder / name).resolve()}." in done.stdout


def test_doctor_prints_what_to_install(monkeypatch):
    def missing():
        raise ImportError("python -m pip install 'kvae-keras[onnx]'")

    for name in ("_packages", "_train", "_export"):
        monkeypatch.setattr(doctor, name, missing)
    assert "'kvae-keras[onnx]'" in invoke("doctor").stdout
