"""What docs/clients.md says to type does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.needed import need
from tests.helpers import ROOT, run_python

pytestmark = pytest.mark.slow


def block(section, language):
    """Return the first block of a language below a heading of the page."""
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    body = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", body, re.DOTALL)[1]


@pytest.fixture
def folder(client_bundle, tmp_path):
    """A folder with the bundle in it, as the page supposes."""
    shutil.copytree(client_bundle.path, tmp_path / "bundle")
    return tmp_path


def test_the_lines_of_python(folder):
    said = run_python(block("Python", "python"), folder)
    assert said.split("\n")[0] == "(5, 8, 8, 1) (3, 8, 8, 1) (3,)"


def test_the_lines_of_c(folder, client_bundle):
    need(
        shutil.which("cc"),
        "A C compiler",
        "On Debian or Ubuntu run: apt-get install gcc libc6-dev",
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", block("C", "sh")],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, mean = [line.split() for line in done.stdout.splitlines() if line.startswith("mean ")]
    drawn = client_bundle.decoder.sample(1, seed=7).ravel()
    assert [float(number) for number in mean[1:]] == pytest.approx(drawn, abs=1e-5)
