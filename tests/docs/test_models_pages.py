"""The lines of the pages on families of models run."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGES = sorted((ROOT / "docs" / "models").glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_lines_run(page, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert blocks
    run_python("\n".join(blocks), tmp_path)
