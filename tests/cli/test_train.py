"""`kvae train`, `kvae sample` and `kvae doctor` on a small table and on pictures."""

import json
from importlib import metadata

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import kvae
from kvae.callbacks import training_bar
from kvae.cli import train
from kvae.cli.inputs import schema_of
from kvae.cli.main import app
from kvae.cli.train import without_diagnosis
from tests.helpers import summaries

ROWS = 640  # of which 64 are held out, enough for a diagnosis
SMALL = ("--networks", "mlp", "--latent-dim", "2", "--epochs", "3")


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "people.csv"
    frame = pd.DataFrame(
        {
            "height": rng.normal(170.0, 9.0, ROWS).round(1),
            "city": rng.choice(["Oslo", "Rome"], ROWS),
        }
    )
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """The run folder of a run without interruption, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = invoke("train", table, "-o", folder, *SMALL, "--tensorboard")
    assert done.exit_code == 0, done.output
    return folder, done.stdout


@pytest.mark.slow
def test_a_run_is_exported_with_its_schema_and_then_scores(finished, table, tmp_path):
    folder, _ = finished
    refused = invoke("score", folder, table)
    assert refused.exit_code == 2
    assert f"kvae export {folder} --output BUNDLE" in " ".join(refused.stderr.split())
    assert "finite weights" in invoke("info", folder).stdout
    done = invoke(
        "export", folder, "-o", tmp_path / "bundle", "--preset", "float32", "--no-measure"
    )
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text("utf-8"))
    assert manifest["training_data"] == "people.csv"
    scored = invoke("score", tmp_path / "bundle", table)  # with its text, by the schema
    assert scored.exit_code == 0, scored.output


@pytest.mark.slow
def test_a_run_folder_holds_model_history_report_and_how_it_was_made(finished, table):
    folder, printed = finished
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert state["status"] == "finished"
    assert state["data"]["name"] == str(table)
    assert state["settings"] == {"epochs": 3, "batch_size": 64, "seed": 0, "tensorboard": True}
    assert set(state["versions"]) >= {"python", "keras", "tensorflow", "kvae-keras"}
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [0, 1, 2]
    assert history["val_loss"].iloc[-1] == pytest.approx(
        state["results"]["held_out"]["loss"], rel=0.1
    )
    verdict = state["results"]["diagnosis"][0].split(":")[0].split(" (")[0]
    assert verdict in kvae.diagnosis.STATES
    assert verdict in (folder / "report.html").read_text("utf-8")
    for words in ("choice", "likelihood", "mlp", verdict):
        assert words in printed
    assert "kl_weight" not in printed  # no nats


def test_examples_that_are_not_diagnosed_are_told_why():
    x = np.zeros((49, 2), "float32")
    assert "only 49 examples are held out, and it takes 50" in without_diagnosis(x)
    assert without_diagnosis(np.append(x, x[:1], axis=0)) == ""
    assert "have missing values" in without_diagnosis(np.where(x == 0.0, np.nan, x))


@pytest.mark.slow
def test_tensorboard_gets_the_figures_of_each_epoch(finished):
    folder, _ = finished
    history = pd.read_csv(folder / "history.csv")
    for part, column in (("train", "loss"), ("validation", "val_loss")):
        values = summaries(folder / "tensorboard" / part)
        losses = {step: float(v) for step, tag, _, v in values if tag == "epoch_loss"}
        assert list(losses) == [0, 1, 2]
        np.testing.assert_allclose(list(losses.values()), history[column], rtol=1e-5)


def test_tensorboard_that_is_not_installed_is_named_before_training(table, tmp_path, monkeypatch):
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    done = invoke("train", table, "-o", tmp_path / "run", "--tensorboard")
    assert done.exit_code == 1
    assert "kvae-keras[tensorboard]" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_script_of_a_run_makes_its_model(finished, table):
    import keras

    folder, _ = finished
    known = {"frame": pd.read_csv(table)}
    exec((folder / "model.py").read_text("utf-8"), known)
    model = keras.saving.load_model(folder / "model.keras")
    assert [w.shape for w in known["vae"].weights] == [w.shape for w in model.weights]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_weights(finished, table, tmp_path, monkeypatch):
    import keras

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_bar.TrainingBar, "on_epoch_end", interrupt)
        done = invoke("train", table, "-o", tmp_path / "run", *SMALL)
    assert done.exit_code == 1
    assert "Resume it with: kvae train --resume" in " ".join(done.stderr.split())
    assert not (tmp_path / "run" / "model.keras").exists()
    done = invoke("train", "--resume", tmp_path / "run", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "finished"
    whole, resumed = (
        keras.saving.load_model(folder / "model.keras").get_weights()
        for folder in (finished[0], tmp_path / "run")
    )
    for found, expected in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    done = invoke("train", "--resume", tmp_path / "run")
    assert done.exit_code == 2
    assert "unfinished run" in done.stderr


@pytest.mark.slow
def test_samples_of_a_table_have_its_columns(finished, tmp_path):
    done = invoke("sample", finished[0], "-o", tmp_path / "new.csv", "-n", 7, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["shape"] == [7, 2]
    frame = pd.read_csv(tmp_path / "new.csv")
    assert list(frame.columns) == ["height", "city"]
    assert set(frame["city"]) <= {"Oslo", "Rome"}
    done = invoke("sample", finished[0], "-o", tmp_path / "new.png")
    assert done.exit_code == 2
    assert "no pictures or series" in done.stderr


@pytest.mark.slow
def test_what_lies_between_two_rows_has_their_columns(finished, table, tmp_path):
    run = finished[0]
    done = invoke(
        *("interpolate", run, table, "-o", tmp_path / "between.csv"),
        *("--between", 3, 9, "--steps", 5, "--json"),
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["shape"] == [5, 2]
    found = pd.read_csv(tmp_path / "between.csv")
    vae = keras.saving.load_model(run / "model.keras")
    schema = schema_of(run / "schema.json")
    x = schema.to_array(pd.read_csv(table))
    ends = schema.to_frame(vae.reconstruct(x[[3, 9]]))
    np.testing.assert_allclose(found["height"][[0, 4]], ends["height"], atol=0.05)
    assert list(found["city"][[0, 4]]) == list(ends["city"])
    odd = invoke("interpolate", run, table, "-o", tmp_path / "odd.csv", "--between", 3, 640)
    assert odd.exit_code == 2
    assert "two rows of DATA, 0 to 639. Received: 3 640" in odd.stderr


@pytest.mark.slow
def test_what_lies_between_two_pictures_is_a_strip(trained_vae, digits, tmp_path):
    trained_vae.save(tmp_path / "vae.keras")
    np.save(tmp_path / "x.npy", digits[1][:9])
    done = invoke(
        *("interpolate", tmp_path / "vae.keras", tmp_path / "x.npy"),
        *("-o", tmp_path / "strip.png", "--path", "spherical", "--steps", 6),
    )
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "strip.png") as picture:
        width, height = picture.size
    assert width > 3 * height


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Expected DATA, or --resume RUN. Received: none"),
        (("digits", "--resume", "somewhere"), "Received: both"),
        (("nowhere.csv",), "Expected DATA to be a file, a folder or one of digits"),
        (("--resume", "nowhere"), "Expected a run folder of kvae train"),
        (("digits", "-o", "."), "Expected --output to end in a name"),
        (("digits", "-o", "taken"), "Expected --output to be free"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    done = invoke("train", *arguments)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize("rows", [1, 3])
def test_too_few_rows(rows, tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.25], "b": [0.5, 1.0, 2.0]})[:rows]
    frame.to_csv(tmp_path / "few.csv", index=False)
    done = invoke("train", tmp_path / "few.csv", "-o", tmp_path / "run")
    assert done.exit_code == 2
    assert "at least 20 examples" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_column_that_looks_like_dates_is_named_in_one_line(tmp_path):
    days = [f"{1 + place % 12}/{1 + place % 28}/2024" for place in range(60)]
    frame = pd.DataFrame({"day": days, "a": np.arange(60) / 8})
    frame.to_csv(tmp_path / "days.csv", index=False)
    done = invoke("train", tmp_path / "days.csv", "-o", tmp_path / "run", "--likelihood", "no")
    assert done.exit_code == 2
    told, refused = done.stderr.strip().splitlines()
    assert told.startswith(
        "Warning: Column 'day' of DATA is read as text. Values such as '1/1/2024'"
    )
    assert refused.startswith("Error: ")


@pytest.mark.slow
def test_doctor_finds_this_environment_well():
    done = invoke("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0, found
    assert [line["part"] for line in found if not line["works"]] == []


def test_doctor_names_what_is_broken(monkeypatch):
    from kvae.cli import doctor

    def broken():
        raise RuntimeError("no such thing")

    for name in ("_packages", "_train", "_export"):
        monkeypatch.setattr(doctor, name, broken)
    done = invoke("doctor", "--json")
    assert done.exit_code == 1
    found = {line["part"]: line for line in json.loads(done.stdout)}
    assert not found["packages"]["works"]
    assert found["packages"]["found"] == "RuntimeError: no such thing"
    assert found["Python"]["works"]


def test_doctor_names_the_pythons_that_the_package_asks_for(monkeypatch):
    from kvae.cli import doctor

    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.9")
    for name in ("_packages", "_train", "_export"):
        monkeypatch.setattr(doctor, name, str)
    part = json.loads(invoke("doctor", "--json").stdout)[0]
    assert not part["works"]
    assert metadata.metadata("kvae-keras")["Requires-Python"] in part["found"]
