"""The code of docs/conditional.md runs as it stands."""

import re

import pytest

import kvae
from tests.helpers import ROOT, run_python

PAGE = ROOT / "docs" / "conditional.md"


@pytest.mark.slow
def test_the_page_on_conditions_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    code += "\nprint(sevens.shape, one_each.shape, any_digit.shape, as_threes.shape)"
    shapes, state, ended = run_python(code, tmp_path, prepared=True).strip().splitlines()
    assert shapes == "(1797, 8, 8, 1) (1797,)"
    assert state in kvae.diagnosis.STATES
    assert ended == "(5, 8, 8, 1) (10, 8, 8, 1) (5, 8, 8, 1) (1797, 8, 8, 1)"
