"""The lines of docs/distributed.md run as they stand, in a single process."""

import re

import pytest

from tests.helpers import ROOT, run_python

PAGE = (ROOT / "docs" / "distributed.md").read_text("utf-8")


@pytest.mark.slow
def test_its_lines_train_and_save_a_model(tmp_path):
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    more = "print(keras.saving.load_model('vae.keras').score(x_test).shape)"
    assert run_python(code + more, tmp_path).strip() == "(359,)"
    assert (tmp_path / "run").is_dir()
