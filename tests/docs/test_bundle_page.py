"""docs/bundle.md says what a bundle holds, and its lines run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.helpers import ROOT, run_python
from tests.small import make_vae

PAGE = (ROOT / "docs" / "bundle.md").read_text("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the lines for the command line have run."""
    folder = tmp_path_factory.mktemp("page")
    make_vae((6,), 2).save(folder / "vae.keras")
    x = np.random.default_rng(0).uniform(size=(60, 6)).astype("float32")
    np.save(folder / "x_test.npy", x)
    (lines,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", lines],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.slow
def test_the_lines_of_the_command_line_make_what_they_say(folder):
    manifest = runtime.Bundle(folder / "DIR").manifest
    assert manifest["licence"] == "CC-BY-4.0"
    assert manifest["artefacts"][1]["tolerance"]["codes"] == 2.0
    assert [device["name"] for device in manifest["devices"]][1:] == ["Raspberry Pi 5"]
    kvae.export.verify(folder / "DIR")


@pytest.mark.slow
def test_the_lines_of_python_run(folder):
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert run_python(lines + "print(nats.shape)", folder).strip() == "(4,)"


@pytest.mark.slow
def test_every_key_of_the_manifest_is_described(folder):
    manifest = runtime.Bundle(folder / "DIR").manifest
    described = set(re.findall(r"`(\w+)`", PAGE.split("## manifest.json")[1]))
    parts = [manifest, manifest["model"], *manifest["artefacts"], manifest["examples"]]
    for device in manifest["devices"]:
        parts += [device, *device["files"], *device["files"][0]["latency"]]
    assert {key for part in parts for key in part} <= described


@pytest.mark.slow
def test_every_key_of_the_table_stands_in_the_manifest(folder):
    manifest = runtime.Bundle(folder / "DIR").manifest
    tables = PAGE.split("## manifest.json")[1].split("\n\n")
    for above, held in (
        ("A reader refuses an unknown `schema`", manifest),
        ("`model`:", manifest["model"]),
        ("Each of `artefacts`:", manifest["artefacts"][0]),
        ("Each of `devices`:", manifest["devices"][0]),
    ):
        (place,) = [index for index, part in enumerate(tables) if above in part]
        rows = tables[place + 1].splitlines()[2:]
        keys = {key for row in rows for key in re.findall(r"`(\w+)`", row.split(" | ")[0])}
        # These stand there where they were asked for.
        assert keys - {"calibration", "training"} == held.keys()
