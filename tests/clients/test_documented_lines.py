"""What docs/clients.md says to type does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.clients.needed import need
from tests.helpers import ROOT, run_python
from tests.small import make_vae

pytestmark = pytest.mark.slow


def section(heading):
    """Return what stands below a heading of the page."""
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def block(heading, language, place=0):
    """Return a block of a language below a heading of the page, by default the first."""
    return re.findall(rf"```{language}\n(.*?)```", section(heading), re.DOTALL)[place]


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


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A bundle with the signatures of `kvae train --job anomaly --window 64`, of three channels."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).uniform(size=(300, 64, 3)).astype("float32")
    path = tmp_path_factory.mktemp("detector") / "bundle"
    kvae.export.bundle(
        make_vae((64, 3), 2),
        path,
        data=x[:100],
        calibration=x[100:],
        presets=["float32"],
        signatures=["score", "reconstruct"],
        measure=False,
    )
    return path


@pytest.fixture
def on_the_device(folder, detector):
    """The folder, with those files of the detector alone that the page says to copy."""
    text = section("C").split("### What a device needs\n")[1].split("golden.npz")[0]
    named = re.findall(r"`([\w.]+\.tsv|SHA256SUMS)`", text)
    assert named == ["SHA256SUMS", "domain.tsv", "decision.tsv"]
    (folder / "detector" / "bundle").mkdir(parents=True)
    for name in ("model-float32.tflite", *named):
        shutil.copy(detector / name, folder / "detector" / "bundle")
    return folder


def test_the_lines_of_c(on_the_device, detector, client_bundle):
    """The project is built, the program decides and draws, and the example is built and run."""
    folder = on_the_device
    for program in ("cc", "cmake"):
        need(shutil.which(program), program, "On Debian or Ubuntu: apt-get install gcc cmake make")
    window = np.random.default_rng(1).uniform(size=(64, 3)).astype("float32")
    lines = [f"2026-11-30T08:{i:02},{a},{b},{c}" for i, (a, b, c) in enumerate(window.tolist())]
    earlier = "2026-11-30T07:59,9,9,9"
    (folder / "machine.csv").write_text("\n".join(["time,a,b,c", earlier, *lines, ""]))
    (folder / "example.c").write_text(block("C", "c"))
    (folder / "CMakeLists.txt").write_text(block("C", "cmake"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", "".join(block("C", "sh", place) for place in range(4))],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = done.stdout.splitlines()
    assert "reconstruct: x 192 -> mean 192" in told
    found = runtime.Model(detector).detect(window[None])
    values = dict(line.split() for line in told if re.match("(score|p_value|is_anomaly) ", line))
    assert float(values["score"]) == pytest.approx(found["score"][0], rel=1e-4)
    assert float(values["p_value"]) == pytest.approx(found["p_value"][0], abs=0.02)
    assert bool(int(values["is_anomaly"])) == found["is_anomaly"][0]
    *_, mean = [line.split() for line in told if line.startswith("mean ")]
    drawn = client_bundle.decoder.sample(1, seed=7)
    assert [float(number) for number in mean[1:]] == pytest.approx(drawn.ravel(), abs=1e-5)
    described, decided = told[-2:]
    assert described == "a row of x has 192 numbers"
    said = re.fullmatch(r"(\S+) nats, p = (\S+), anomaly: ([01])", decided).groups()
    assert [float(number) for number in said] == pytest.approx(
        [float(values[name]) for name in ("score", "p_value", "is_anomaly")], rel=1e-4
    )
    for program in ("kvae/bin/decode", "build-kvae/decode", "build/example"):
        assert b"$ORIGIN" in (folder / program).read_bytes(), "libLiteRt.so may lie beside it"
