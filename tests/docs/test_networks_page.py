"""The code of docs/networks.md runs as it stands."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGE = ROOT / "docs" / "networks.md"


@pytest.mark.slow
def test_the_page_on_networks_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    printed = run_python(code, tmp_path, prepared=True)
    assert printed.splitlines() == ["(None, 128) (None, 64, 64, 6)", "(None, 8) (None, 50, 3)"]
