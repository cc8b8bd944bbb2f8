"""`kvae ablation` on few examples: its files, its table, its JSON."""

import json

import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app

TINY = ["--examples", "60", "--epochs", "1", "--latent-dim", "2", "--hidden", "8", "--beta", "4"]
TINY += ["--seeds", "1"]
VARIANTS = ["full", "no sampling", "autoencoder", "no KL", "KL alone", "beta 4"]


def invoke(*arguments):
    return CliRunner().invoke(
        app, ["ablation", *map(str, arguments)], env={"COLUMNS": "250", "NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def result():
    """The result of the ablation, which runs once for this file."""
    return []


@pytest.fixture
def once(result, monkeypatch):
    """Make the command run the ablation once, and return the same result later."""
    experiment = kvae.diagnosis.ablation

    def ablation(*arguments, **training):
        if not result:
            result.append(experiment(*arguments, **training))
        return result[0]

    monkeypatch.setattr(kvae.diagnosis, "ablation", ablation)


@pytest.mark.thorough
def test_it_writes_table_estimates_and_figures(once, tmp_path):
    path = tmp_path / "out"
    done = invoke("-o", path, "--data", "sprites", *TINY)
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in path.iterdir()) == [
        "ablation.json",
        "ablation.md",
        "interpolations.png",
        "posteriors.png",
        "samples.png",
    ]
    numbers = json.loads((path / "ablation.json").read_text("utf-8"))
    assert list(numbers["variants"]) == VARIANTS
    assert all(variant["examples"] == 60 for variant in numbers["variants"].values())
    header = (path / "ablation.md").read_text("utf-8").splitlines()[0]
    assert [cell.strip() for cell in header.strip("|").split("|")][1:] == VARIANTS
    text = " ".join(done.stdout.split())
    for claim in json.loads((path / "ablation.json").read_text("utf-8"))["claims"]:
        assert f"{claim['sentence']} {claim['outcome'].capitalize()}." in text


@pytest.mark.slow
def test_json_is_the_only_output_and_an_existing_folder_needs_overwrite(once, tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    (path / "ablation.json").write_text("old")
    done = invoke("-o", path, "--data", "sprites", *TINY, "--json")
    assert done.exit_code == 2
    assert "Expected --output to be free" in " ".join(done.stderr.split())
    assert (path / "ablation.json").read_text() == "old"
    done = invoke("-o", path, "--data", "sprites", *TINY, "--json", "--overwrite")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((path / "ablation.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "letters"], 2, "Expected data to be one of 'digits', 'sprites', 'faces'"),
        (["--epochs", "0"], 2, "--epochs"),
        (["--examples", "10"], 2, "--examples"),
        (["--beta", "-1"], 2, "--beta"),
        (["-o", "nowhere/out"], 2, "Expected the folder of --output to exist"),
        (["-o", "nowhere/out", "--overwrite"], 2, "Expected the folder of --output to exist"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_trained(
    arguments, code, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = invoke(*arguments)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []
