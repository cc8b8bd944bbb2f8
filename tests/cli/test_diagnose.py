"""`kvae diagnose`: the report of a saved model as text and as JSON; error messages."""

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from tests.helpers import assert_same_in_float32
from tests.small import make_conditional, make_vae

EXAMPLES = 120


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Paths of a saved VAE and of examples for it."""
    folder = tmp_path_factory.mktemp("diagnose")
    make_vae((6,), 3).save(folder / "vae.keras")
    condition = kvae.conditions.Classes(3)
    make_conditional((6,), 2, condition=condition).save(folder / "conditional.keras")
    x = np.random.default_rng(0).uniform(size=(EXAMPLES, 6)).astype("float32")
    np.save(folder / "x.npy", x)
    np.savez(folder / "both.npz", x_test=x, other=x[:1])
    np.savez(folder / "neither.npz", other=x)
    np.save(folder / "few.npy", x[:10])
    np.save(folder / "wide.npy", np.concatenate([x, x], axis=1))
    return folder


def invoke(*arguments):
    return CliRunner().invoke(
        app, ["diagnose", *map(str, arguments)], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )


def test_json_is_the_report_that_python_gives(saved):
    done = invoke(saved / "vae.keras", "--data", saved / "x.npy", "--seed", 3, "--json")
    assert done.exit_code == 0, done.output

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads(done.stdout, parse_constant=refuse)
    vae = keras.saving.load_model(saved / "vae.keras")
    expected = kvae.diagnose(vae, np.load(saved / "x.npy"), seed=3).to_dict()
    assert_same_in_float32(found, expected)
    assert found["examples"] == EXAMPLES
    assert len(found["dimensions"]) == 3


def test_text_contains_verdict_advice_estimates_and_every_dimension(saved):
    done = invoke(saved / "vae.keras", "--data", saved / "both.npz")
    assert done.exit_code == 0, done.output
    state = done.stdout.split(":")[0].split(" (")[0]
    assert state in kvae.diagnosis.STATES
    text = " ".join(done.stdout.split())
    vae = keras.saving.load_model(saved / "vae.keras")
    report = kvae.diagnose(vae, np.load(saved / "x.npy"))
    assert report.verdict.state == state
    assert report.verdict.advice in text
    assert report.findings[0].sentence in text
    for words in ("mutual information, nats", "95% interval", "safe range", "z0", "z1", "z2"):
        assert words in text


def test_it_writes_the_figure_to_the_given_path(saved, tmp_path):
    picture = tmp_path / "report.png"
    done = invoke(saved / "vae.keras", "--data", saved / "x.npy", "--picture", picture, "--json")
    assert done.exit_code == 0, done.output
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_it_writes_a_page_and_compares_with_training_data(saved, tmp_path):
    page, data = tmp_path / "report.html", saved / "x.npy"
    done = invoke(
        *(saved / "vae.keras", "--data", data, "--train-data", data, "--report", page, "--json")
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    gap = found["generalization_gap"]
    assert gap["low"] < 0.0 < gap["high"]
    text = page.read_text("utf-8")
    assert found["verdict"]["state"] in text
    assert "data:image/png;base64," in text
    assert "http" not in text  # nothing is fetched


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("vae.keras", "missing.npy", "Expected --data to name a file"),
        ("vae.keras", "neither.npz", "to hold an array x_test or x. Received: ['other']"),
        ("vae.keras", "few.npy", "at least 50 examples"),
        ("vae.keras", "wide.npy", "to have shape"),
        ("missing.keras", "x.npy", "missing.keras"),
        ("x.npy", "x.npy", "x.npy"),
    ],
)
def test_invalid_files_give_an_error_message_without_a_traceback(saved, model, data, message):
    done = invoke(saved / model, "--data", saved / data)
    assert done.exit_code == 2, done.output
    error = " ".join(done.stderr.split())
    assert message in error
    assert "Error:" in error
    assert "Traceback" not in error


def test_a_functional_model_is_refused_with_how_to_assemble_a_vae(saved, tmp_path):
    make_vae((6,), 3).encoder.save(tmp_path / "encoder.keras")
    done = invoke(tmp_path / "encoder.keras", "--data", saved / "x.npy")
    assert done.exit_code == 2
    assert "Assemble one from the parts of your model: kvae.VAE(" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_csv_and_a_parquet_file_of_numbers_give_the_report_of_the_array(saved, tmp_path):
    import pandas as pd

    x = np.load(saved / "x.npy")
    frame = pd.DataFrame(x, columns=[f"column {place}" for place in range(6)])
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    expected = invoke(saved / "vae.keras", "--data", saved / "x.npy", "--json")
    for name in ("x.csv", "x.parquet"):
        found = invoke(saved / "vae.keras", "--data", tmp_path / name, "--json")
        assert found.exit_code == 0, found.output
        assert_same_in_float32(json.loads(found.stdout), json.loads(expected.stdout))


@pytest.mark.thorough
def test_a_table_of_text_is_read_by_its_schema(saved, tmp_path):
    import pandas as pd

    rng = np.random.default_rng(0)
    cities = rng.choice(["Oslo", "Rome"], size=EXAMPLES)
    frame = pd.DataFrame({"height": rng.normal(170, 9, EXAMPLES).round(1), "city": cities})
    frame.to_csv(tmp_path / "table.csv", index=False)
    schema = kvae.data.TableSchema.infer(frame)
    (tmp_path / "schema.json").write_text(json.dumps(schema.get_config()), encoding="utf-8")
    model = tmp_path / "table.keras"
    vae = kvae.vae_for(frame, verbose=0, schema=schema)
    vae.fit(schema.to_array(frame), verbose=0)
    vae.save(model)
    data = ("--data", tmp_path / "table.csv", "--json")
    done = invoke(model, *data, "--schema", tmp_path / "schema.json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["examples"] == EXAMPLES
    done = invoke(model, *data)
    assert done.exit_code == 2
    assert "Received: other columns city" in " ".join(done.stderr.split())


def test_a_folder_of_pictures_gets_the_shape_of_the_model(tmp_path):
    from PIL import Image

    make_vae((8, 8, 1), 2).save(tmp_path / "pictures.keras")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place in range(50):
        pixels = np.random.default_rng(place).integers(256, size=(20, 12, 3), dtype="uint8")
        Image.fromarray(pixels).save(folder / f"{place}.png")
    done = invoke(tmp_path / "pictures.keras", "--data", folder, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["examples"] == 50


@pytest.mark.slow
def test_a_conditional_model_is_diagnosed_at_one_condition(saved):
    path, data = saved / "conditional.keras", ["--data", saved / "x.npy", "--json"]
    done = invoke(path, *data, "--condition", "2")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["examples"] == EXAMPLES
    for model, value, message in (
        (path, "3", "Expected condition to hold whole numbers in [0, 2]"),
        (path, "two", "Expected --condition to be numbers separated by commas"),
        (saved / "vae.keras", "2", "Expected --condition with a kvae.ConditionalVAE"),
    ):
        done = invoke(model, *data, "--condition", value)
        assert done.exit_code != 0
        assert message in " ".join(done.output.split())
