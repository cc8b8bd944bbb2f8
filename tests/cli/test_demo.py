"""The command line: help, version, and the demo in a separate process."""

import json

import keras
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from tests.helpers import run_python

COMMAND = "import sys; from kvae.cli.main import app; sys.argv[0] = 'kvae'; app()"

PICTURES = ["reconstructions", "samples", "interpolations", "traversals"]


def test_help_names_the_commands():
    for arguments in (["--help"], []):
        said = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert "demo" in said.stdout
        assert "--version" in said.stdout
    assert "--epochs" in CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "200"}).stdout


def test_version_is_the_packages():
    said = CliRunner().invoke(app, ["--version"])
    assert said.exit_code == 0
    assert said.stdout.strip() == f"kvae {kvae.__version__}"


def test_help_and_version_do_not_load_tensorflow(tmp_path):
    code = """
import sys
sys.argv = ["kvae", "--version"]
try:
    from kvae.cli.main import app
    app()
finally:
    print(sorted({"tensorflow", "keras", "matplotlib"} & set(sys.modules)))
"""
    assert run_python(code, tmp_path).splitlines() == [f"kvae {kvae.__version__}", "[]"]


def test_invalid_numbers_are_refused_by_option_name(tmp_path):
    for option in ("--epochs", "--latent-dim"):
        said = CliRunner().invoke(app, ["demo", option, "0", "-o", str(tmp_path / "out")])
        assert said.exit_code == 2
        assert option in said.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The output of a one-epoch demo, run from another folder, and where it wrote."""
    folder = tmp_path_factory.mktemp("elsewhere")
    said = run_python(COMMAND, folder, "demo", "--epochs", 1, "--json", "-o", "out")
    return json.loads(said), folder


@pytest.mark.slow
def test_the_demo_writes_the_model_its_pictures_and_both_exports(demo):
    figures, folder = demo
    output = folder / "out"
    for name in PICTURES:
        assert (output / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in folder.iterdir()) == ["out"]
    vae = keras.saving.load_model(output / "vae.keras")
    assert vae.decode([[0.0] * vae.latent_dim]).shape == (1, 8, 8, 1)
    assert {export["format"] for export in figures["exports"]} == {"tflite", "saved_model"}
    for export in figures["exports"]:
        path = folder / export["path"]
        assert path.exists()
        assert export["max_error"] <= 1e-5
        assert export["size_bytes"] > 0


@pytest.mark.slow
def test_the_demo_reports_the_elbo_beside_the_baseline(demo, digits):
    figures, folder = demo
    assert figures["factorized_bernoulli"] == pytest.approx(
        kvae.evaluation.factorized_bernoulli(*digits), rel=1e-6
    )
    vae = keras.saving.load_model(folder / "out" / "vae.keras")
    # The bound is an average over draws: two estimates of it differ by some hundredths of a nat.
    assert figures["test"]["elbo"] == pytest.approx(vae.elbo(digits[1], seed=0).mean(), abs=0.5)
    assert figures["test"]["elbo"] == pytest.approx(
        -figures["test"]["nll"] - figures["test"]["kl"], rel=1e-5
    )


@pytest.mark.slow
def test_a_second_run_refuses_to_overwrite(demo):
    _, folder = demo
    before = sorted(path.stat().st_mtime_ns for path in (folder / "out").rglob("*"))
    done = run_python(COMMAND, folder, "demo", "-o", "out", check=False, prepared=True)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert said.startswith("Error: Expected --output to be free.")
    assert "'out'" in said
    assert "Traceback" not in said
    assert before == sorted(path.stat().st_mtime_ns for path in (folder / "out").rglob("*"))


@pytest.mark.thorough
def test_without_json_it_prints_tables(demo):
    _, folder = demo
    said = run_python(
        COMMAND, folder, "demo", "--epochs", 1, "--overwrite", "-o", "out", prepared=True
    )
    for words in (
        "ELBO of the VAE",
        "factorized Bernoulli",
        "decoder.tflite",
        "serving/1",
        "Both exports agree with Keras.",
    ):
        assert words in said
