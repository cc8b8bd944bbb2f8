"""The code of docs/training.md about resuming runs and does what the page says."""

import re

import pytest

from tests.helpers import ROOT

PAGE = ROOT / "docs" / "training.md"


@pytest.mark.slow
def test_the_documented_run_is_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = (
        PAGE.read_text("utf-8").split("## Resuming after an interruption\n")[1].split("\n## ")[0]
    )
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    page = {"__name__": "training"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), page)
    assert page["history"].epoch == [0, 1]
    assert page["train"]("run", epochs=3).epoch == [0, 1, 2]
    assert page["x"].shape == (1_000, 8, 8, 1)
