"""The README's code runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import run_python

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.mark.slow
def test_readme_blocks_run_unchanged_in_order(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks) + "\nprint('shape', picture.shape)\n", encoding="utf-8")

    command = [sys.executable, "-W", "error", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.rstrip().endswith("shape (1, 8, 8, 1)")
    assert "largest error against Keras" in done.stdout
    assert (tmp_path / "decoder.tflite").is_file()
    assert (tmp_path / "serving/1/saved_model.pb").is_file()
    assert (tmp_path / "vae.keras").is_file()


@pytest.mark.slow
def test_the_page_on_data_runs_unchanged(tmp_path):
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    warned = "import warnings\nwarnings.simplefilter('error')\n"
    printed = run_python(warned + "\n".join(blocks), tmp_path, prepared=True)
    rows = re.findall(r"-?\d+\.", printed.split("]]")[0])
    assert len(rows) == 6
    assert all(1500 < float(weight) < 6000 for weight in rows[::2])
    assert printed.rstrip().endswith("(2000, 2) True")
