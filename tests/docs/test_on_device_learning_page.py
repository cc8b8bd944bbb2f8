"""The code of docs/on_device_learning.md runs as it stands."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGE = ROOT / "docs" / "on_device_learning.md"


@pytest.mark.slow
def test_the_page_on_learning_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    printed = run_python("\n".join(blocks), tmp_path).splitlines()
    said = [line for line in printed if line.startswith(("True", "False"))]
    assert said == ["True", "False True", "True", "True"]
