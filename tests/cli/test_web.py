"""`kvae web` serves bundles and models, or writes them as a folder; errors are sentences."""

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request

import pandas as pd
import pytest
from typer.testing import CliRunner

import kvae
import kvae.cli.bench
from kvae.cli.main import app
from kvae.export import runtime
from kvae.export.web import litert_js
from tests.helpers import ROOT
from tests.small import make_vae

GOLDEN = ROOT / "tests" / "goldens" / "v1" / "vae"


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    """LiteRT.js is not needed to serve a page."""
    monkeypatch.setattr(litert_js, "installed", lambda report: tmp_path / "node_modules")


def run(*arguments):
    return CliRunner().invoke(app, ["web", *map(str, arguments)], env={"NO_COLOR": "1"})


SERVE = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from kvae.cli.main import app
from kvae.export.web import litert_js
litert_js.installed = lambda report: pathlib.Path("node_modules")
app(["web", sys.argv[1], "--no-open", "--port", "0"], standalone_mode=False)
print("tensorflow" in sys.modules, flush=True)
"""


def test_a_bundle_is_served_until_ctrl_c_without_tensorflow():
    command = [sys.executable, "-u", "-c", SERVE, str(GOLDEN / "bundle")]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        line = process.stdout.readline()
        address = re.search(r"http://127.0.0.1:\d+/", line)[0]
        with urllib.request.urlopen(f"{address}bundles/bundle/manifest.json") as answer:
            assert answer.read() == (GOLDEN / "bundle" / "manifest.json").read_bytes()
        process.send_signal(2)
        assert process.stdout.read().strip() == "False"
    assert process.returncode == 0


REFUSE = """
import sys
from kvae.cli.main import app
try:
    app(["web", "nothing.keras"], standalone_mode=False)
except Exception as error:
    print(error)
print("tensorflow" in sys.modules)
"""


def test_a_file_that_does_not_exist_is_refused_without_tensorflow():
    command = [sys.executable, "-c", REFUSE]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.endswith("False\n")
    assert "Expected MODEL to name a file" in done.stdout + done.stderr


def test_a_run_folder_is_exported_and_written_with_a_bundle(tmp_path, monkeypatch):
    small = functools.partial(kvae.export.bundle, signatures=["decode"])
    monkeypatch.setattr(kvae.export, "bundle", small)
    schema = kvae.data.TableSchema.infer(pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]}))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "schema.json").write_text(json.dumps(schema.get_config()))
    make_vae((2,), 2).save(tmp_path / "run" / "model.keras")
    done = run(tmp_path / "run", GOLDEN / "bundle", "--static", tmp_path / "page")
    assert done.exit_code == 0, done.output
    bundles = sorted(path.name for path in (tmp_path / "page" / "bundles").iterdir())
    assert bundles == ["bundle", "run"]
    exported = runtime.Bundle(tmp_path / "page" / "bundles" / "run")
    assert exported.manifest["table"] == json.loads(json.dumps(schema.get_config()))
    said = " ".join(done.output.split())
    assert "copy it to a web server" in said
    assert "run python -m http.server --directory" in said
    assert "Without --data the page has no map" in said


def test_a_run_folder_stands_for_its_bundle_in_every_command(tmp_path, monkeypatch):
    machine = tmp_path / "machine"
    shutil.copytree(GOLDEN / "bundle", machine / "bundle")
    state = {"version": 1, "status": "finished", "job": "anomaly"}
    (machine / "run.json").write_text(json.dumps(state))
    done = run(machine, GOLDEN / "bundle", "--static", tmp_path / "page")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "page" / "bundles").iterdir())
    assert names == ["bundle", "machine"]
    verified = CliRunner().invoke(app, ["verify", str(machine)])
    assert verified.exit_code == 0, verified.output
    monkeypatch.setattr(kvae.cli.bench, "measure", lambda path, device: {"path": path})
    monkeypatch.setattr(kvae.cli.bench, "_times", lambda results: str(results["path"]))
    monkeypatch.setattr(kvae.cli.bench, "_memory", lambda results, sizes: "")
    assert "bundle" in CliRunner().invoke(app, ["bench", str(machine)]).stdout


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("finished", "of --job anomaly"), ("training", "not finished: kvae train --resume")],
)
def test_a_run_without_a_model_says_why(tmp_path, status, sentence):
    state = {"version": 1, "status": status, "job": "anomaly"}
    (tmp_path / "run.json").write_text(json.dumps(state))
    done = CliRunner().invoke(app, ["sample", str(tmp_path), "-o", str(tmp_path / "x.npy")])
    assert done.exit_code == 2, done.output
    assert "Expected MODEL to be a run folder with model.keras" in done.stderr
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "Expected a folder with a bundle, a .keras file, or a run folder."),
        (["nothing.keras"], "Expected MODEL to name a file"),
        ([ROOT / "docs"], "it is not a bundle"),
        ([ROOT / "README.md"], "Expected a folder with a bundle, a .keras file, or a run folder."),
        ([GOLDEN / "bundle", "--static", ROOT / "docs"], "Expected --static to be free"),
        ([GOLDEN / "bundle", "--static", "no/page"], "Expected the folder of --static to exist"),
        ([GOLDEN / "bundle", "--data", "nothing.npy"], "Expected --data to name a file"),
    ],
)
def test_a_wrong_argument_is_one_sentence(arguments, sentence):
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert sentence in " ".join(done.stderr.split())


def test_a_page_does_not_replace_the_bundle_that_it_shows(tmp_path):
    bundle = tmp_path / "site" / "bundle"
    shutil.copytree(GOLDEN / "bundle", bundle)
    done = run(bundle, "--static", tmp_path / "site", "--overwrite")
    assert done.exit_code == 2, done.output
    assert "Expected MODEL outside of --static" in " ".join(done.stderr.split())
    assert (bundle / "manifest.json").is_file()


def test_a_taken_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(GOLDEN / "bundle", "--no-open", "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "Expected --port to be free" in done.stderr
