"""`kvae anatomy`: the experiment in small, its files, its table, its JSON."""

import json

import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app

TINY = ["--examples", "60", "--epochs", "1", "--latent-dim", "2", "--hidden", "8", "--beta", "4"]
ARMS = ["full", "no sampling", "autoencoder", "no KL", "KL alone", "beta 4"]


def said(*arguments):
    return CliRunner().invoke(
        app, ["anatomy", *map(str, arguments)], env={"COLUMNS": "250", "NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def result():
    """What the experiment returned: it runs once for this file, a later run would repeat it."""
    return []


@pytest.fixture
def once(result, monkeypatch):
    """Let the command run the experiment, or find what it returned the first time."""
    experiment = kvae.diagnosis.anatomy

    def anatomy(*arguments, **training):
        if not result:
            result.append(experiment(*arguments, **training))
        return result[0]

    monkeypatch.setattr(kvae.diagnosis, "anatomy", anatomy)


@pytest.mark.slow
def test_it_writes_table_numbers_and_pictures(once, tmp_path):
    path = tmp_path / "out"
    done = said("-o", path, "--data", "sprites", *TINY)
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in path.iterdir()) == [
        "anatomy.json",
        "anatomy.md",
        "interpolations.png",
        "posteriors.png",
        "samples.png",
    ]
    numbers = json.loads((path / "anatomy.json").read_text("utf-8"))
    assert list(numbers["arms"]) == ARMS
    assert all(arm["examples"] == 60 for arm in numbers["arms"].values())
    header = (path / "anatomy.md").read_text("utf-8").splitlines()[0]
    assert [cell.strip() for cell in header.strip("|").split("|")][1:] == ARMS
    text = " ".join(done.stdout.split())
    for claim in json.loads((path / "anatomy.json").read_text("utf-8"))["claims"]:
        assert f"{claim['sentence']} {claim['outcome'].capitalize()}." in text


@pytest.mark.slow
def test_json_stands_alone_and_an_earlier_anatomy_is_replaced_only_if_told(once, tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    (path / "anatomy.json").write_text("old")
    done = said("-o", path, "--data", "sprites", *TINY, "--json")
    assert done.exit_code == 1
    assert "Expected output to be free" in " ".join(done.stderr.split())
    assert (path / "anatomy.json").read_text() == "old"
    done = said("-o", path, "--data", "sprites", *TINY, "--json", "--overwrite")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((path / "anatomy.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "letters"], 1, "Expected data to be one of 'digits', 'sprites', 'faces'"),
        (["--epochs", "0"], 2, "--epochs"),
        (["--examples", "10"], 2, "--examples"),
        (["--beta", "-1"], 2, "--beta"),
        (["-o", "nowhere/out"], 1, "Expected the folder of output to exist"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_trained(
    arguments, code, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = said(*arguments)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []
