"""The code and the lines of docs/pretrained.md run as they stand, and its table is true."""

import re
import shlex

import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.export.runtime import Bundle
from tests.helpers import ROOT, run_python

PAGE = (ROOT / "docs" / "pretrained.md").read_text("utf-8")


@pytest.mark.slow
def test_its_blocks_run(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    printed = run_python(code, tmp_path, prepared=True).splitlines()
    assert printed[0] == str(kvae.zoo.NAMES)
    assert printed[-1] == "(100, 13)"


@pytest.mark.slow
def test_its_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines():
        program, *arguments = shlex.split(line)
        done = CliRunner().invoke(app, arguments)
        assert (program, done.exit_code) == ("kvae", 0), done.output
    assert (tmp_path / "clothes.png").is_file()
    Bundle(tmp_path / "emoji").check()


@pytest.mark.parametrize("name", kvae.zoo.NAMES)
def test_its_table_has_the_figures_of_the_manifest(name):
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    manifest = Bundle(kvae.zoo.folder(name)).manifest
    nats, error = re.search(r"-log p\(x\) (\S+) \+- (\S+) nats", manifest["description"]).groups()
    weights = re.search(r"(\S+) weights", manifest["description"])[1]
    for text in (weights, f"{nats} +- {error}", manifest["licence"]):
        assert text in row
