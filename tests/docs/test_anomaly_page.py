"""The code of docs/anomaly.md runs as it stands."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGE = ROOT / "docs" / "anomaly.md"


@pytest.mark.slow
def test_the_page_on_anomalies_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    printed = run_python(code, tmp_path).splitlines()
    assert printed[0] == "[-1 -1 -1 -1 -1]"
    assert printed[1] == "[1 1 1 1 1]"
    assert printed[2] == "[-1] mode"
    assert printed[3] == "True"
    assert printed[4] == "[ True  True  True  True  True] True"
