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


def block(section, language, place=0):
    """Return a block of a language below a heading of the page, by default the first."""
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    body = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", body, re.DOTALL)[place]


@pytest.fixture
def folder(client_bundle, tmp_path):
    """A folder with the bundle in it, as the page supposes."""
    shutil.copytree(client_bundle.path, tmp_path / "bundle")
    return tmp_path


def test_the_lines_of_python(folder):
    said = run_python(block("Python", "python"), folder)
    assert said.split("\n")[0] == "(5, 8, 8, 1) (3, 8, 8, 1) (3,)"


def test_the_page_of_ones_own(page):
    text = block("Browser", "html").replace("bundles/bundle", "bundles/digits")
    (page.root / "own.html").write_text(text)
    page.browser.get(f"{page.address}own.html")
    page.wait("return document.body?.lastChild?.textContent.startsWith('8 x')")
    assert page.script("return document.body.lastChild.textContent") == "8 x 8 x 1: 64, 64, 64"


def test_the_lines_of_c(folder, client_bundle):
    """The project is built, the program draws, and the example is built and run."""
    for program in ("cc", "cmake"):
        need(shutil.which(program), program, "On Debian or Ubuntu: apt-get install gcc cmake make")
    (folder / "example.c").write_text(block("C", "c"))
    (folder / "CMakeLists.txt").write_text(block("C", "cmake"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", block("C", "sh") + block("C", "sh", 2)],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, mean = [line.split() for line in done.stdout.splitlines() if line.startswith("mean ")]
    drawn = client_bundle.decoder.sample(1, seed=7)
    assert [float(number) for number in mean[1:]] == pytest.approx(drawn.ravel(), abs=1e-5)
    said = done.stdout.splitlines()[-1]
    score, p_value, is_anomaly = re.fullmatch(
        r"(\S+) nats, p = (\S+), anomaly: ([01])", said
    ).groups()
    found = client_bundle.decoder.detect(drawn)
    assert float(score) == pytest.approx(found["score"][0], rel=1e-4)
    assert float(p_value) == pytest.approx(found["p_value"][0], abs=0.02)
    assert bool(int(is_anomaly)) == found["is_anomaly"][0]
