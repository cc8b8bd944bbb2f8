"""The code of docs/tables.md runs as it stands."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGE = ROOT / "docs" / "tables.md"


@pytest.mark.slow
def test_the_page_on_tables_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    printed = run_python(code, tmp_path, prepared=True).splitlines()
    assert printed[0] == "True"
    assert printed[1] == "{'F'} True"
    assert printed[2].startswith("Expected conditions that 100 of at most 5000 drawn rows fulfil")
    assert "which 0 of 5000 rows fulfil (rate 0)" in printed[2]
    assert printed[3:5] == ["True", "0"]
    assert printed[5] == "rows: 2000 training, 1000 other real, 2000 synthetic"
