"""Bad input to the commands: one line, status 2, and nothing written."""

import os
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.cli.terminal import plain, quiet_native_logs
from tests.small import kl, make_vae


@keras.saving.register_keras_serializable(package="tests_cli")
class Unknown(keras.layers.Layer):
    """A layer that the process that loads the model has not heard of."""

    def call(self, inputs):
        return tf.identity(inputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errors")
    make_vae((6,), 2).save(folder / "vae.keras")
    x = np.random.default_rng(0).uniform(size=(60, 6)).astype("float32")
    np.save(folder / "x.npy", x)
    np.save(folder / "large.npy", x * 1e30)
    np.save(folder / "words.npy", np.array([["a"] * 6] * 60))
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "empty.npy").write_bytes(b"")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 6)}\n"
    (folder / "huge.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    )
    content = (folder / "vae.keras").read_bytes()
    (folder / "cut.keras").write_bytes(content[: len(content) // 2])
    (folder / "empty.keras").write_bytes(b"")
    (folder / "page.html").write_bytes(b"")
    with zipfile.ZipFile(folder / "other.keras", "w") as archive:
        archive.writestr("a.txt", "b")
    (folder / "red\x1b[31m.keras").write_bytes(b"")
    encoder = keras.Sequential([keras.Input((6,)), Unknown(), keras.layers.Dense(4)])
    vae = kvae.VAE(
        encoder=encoder,
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl()),
        decoder=kvae.networks.mlp_decoder(2, (6,), (8,)),
        likelihood=kvae.layers.IndependentBernoulli(6),
    )
    vae.save(folder / "unknown.keras")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments], env={"NO_COLOR": "1"})


CASES = {
    "no model": ("nothing.keras", "x.npy", "Expected MODEL to name a file"),
    "an empty model": ("empty.keras", "x.npy", "Expected MODEL to be a kvae.VAE saved as .keras"),
    "half a model": ("cut.keras", "x.npy", "Expected MODEL to be a kvae.VAE saved as .keras"),
    "another zip": ("other.keras", "x.npy", "Expected MODEL to be a kvae.VAE saved as .keras"),
    "control characters": ("red\x1b[31m.keras", "x.npy", "red"),
    "no data": ("vae.keras", "nothing.npy", "Expected --data to name a file"),
    "empty data": ("vae.keras", "empty.npy", "Expected --data to be an array of numbers"),
    "objects": ("vae.keras", "objects.npy", "Expected --data to be an array of numbers"),
    "a huge array": ("vae.keras", "huge.npy", "Expected --data to be an array of numbers"),
    "words": ("vae.keras", "words.npy", "Expected x to hold numbers"),
    "huge numbers": ("vae.keras", "large.npy", "Expected x to hold numbers in [0, 1]"),
}


@pytest.mark.parametrize("command", ["diagnose", "export"])
@pytest.mark.parametrize("kind", CASES)
def test_bad_files_are_refused_in_one_line(folder, tmp_path, command, kind):
    model, data, message = CASES[kind]
    extra = ["--output", tmp_path / "out"] if command == "export" else []
    done = run(command, folder / model, "--data", folder / data, *extra)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_an_unknown_layer_is_refused_in_one_line(folder, monkeypatch, tmp_path):
    known = keras.saving.get_custom_objects()
    monkeypatch.delitem(known, "tests_cli>Unknown")
    done = run("export", folder / "unknown.keras", "--output", tmp_path / "out")
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert "made of layers that kvae and Keras know" in line
    assert "Unknown" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "vae.keras", "--output", "no/such/folder"], "Expected the folder of --output"),
        (["export", "vae.keras", "--output", "x.npy"], "Expected --output to be free"),
        (
            ["diagnose", "vae.keras", "--data", "x.npy", "--picture", "no/such/p.png"],
            "Expected the folder of --picture to exist",
        ),
        (
            ["diagnose", "nothing", "--data", "nothing", "--picture", "figure"],
            "Expected --picture to end in .png",
        ),
        (
            ["diagnose", "nothing", "--data", "nothing", "--picture", "a.png", "--report", "a.pdf"],
            "Expected --report to end in .html",
        ),
        (["verify", "nothing"], "Expected a folder that holds a bundle"),
        (["bench", "nothing"], "Expected a folder that holds a bundle"),
        (["info", "nothing"], "Expected FILE to name a file or folder"),
        (["score", "nothing", "x.npy"], "Expected a folder that holds a bundle"),
        (["score", "nothing", "x.npy", "-o", "x.txt"], "Expected --output to end in .csv"),
        (["impute", "vae.keras", "x.npy", "-o", "x.csv"], "to be two tables, or two arrays"),
        (["score", "nothing", "*", "--beam", "-o", "a", "--json"], "Expected --json without --b"),
        (["score", "nothing", "*", "--beam", "-o", "a", "--overwrite"], "--overwrite without --b"),
        (["train", "."], "Expected --output outside of the folder DATA"),
        (
            ["impute", "vae.keras", "x.npy", "-o", "x.npy", "--overwrite"],
            "Expected DATA to be another file than --output, which is replaced",
        ),
        (
            ["interpolate", "vae.keras", "./x.npy", "-o", "x.npy", "--overwrite"],
            "Expected DATA to be another file than --output",
        ),
        (
            ["diagnose", "vae.keras", "--data", "x.npy", "--report", "page.html"],
            "Expected --report to be free",
        ),
        (
            ["diagnose", "page.html", "--data", "x.npy", "--report", "page.html", "--overwrite"],
            "Expected MODEL to be another file than --report",
        ),
    ],
)
def test_destinations_are_checked_before_the_model_is_loaded(
    folder, arguments, message, monkeypatch
):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(keras.saving, "load_model", None)  # any work would fail otherwise
    before = sorted(path.name for path in folder.iterdir())
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("error", "printed"),
    [(ValueError("x"), ""), (KeyboardInterrupt(), ""), (RuntimeError("x"), "log")],
)
def test_native_logs_are_printed_where_the_program_failed_not_where_input_is_wrong(
    error, printed, capfd
):
    @quiet_native_logs()
    def fail():
        os.write(2, b"log")
        raise error

    with pytest.raises(type(error)):
        fail()
    assert capfd.readouterr().err == printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("bell\x07 and \u202eright to left", "bell and right to left"),
        ("ü [bold] x", "ü [bold] x"),
    ],
)
def test_text_of_others_cannot_command_the_terminal(text, expected):
    assert plain(text) == expected


def test_an_interrupted_command_is_one_line_and_status_1(folder, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.saving, "load_model", interrupted)
    done = run("info", folder / "vae.keras")
    assert done.exit_code == 1
    assert done.stderr.strip() == "Error: Interrupted"
