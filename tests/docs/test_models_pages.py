"""The lines of the pages on families of models run, without a warning, and print what they say."""

import re

import pytest

import kvae
from tests.helpers import ROOT, run_python

FOLDER = ROOT / "docs" / "models"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "README")
TESTED = {"choose", "conditional", "hierarchical", "missing"}  # what they print is compared below


def printed_by(page, tmp_path, more=""):
    """Run the blocks of a page in one process and return the lines that it prints."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert blocks
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join([*blocks, more])
    return run_python(code, tmp_path, prepared=True).strip().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if p.stem not in TESTED], ids=lambda p: p.stem)
def test_the_lines_run(page, tmp_path):
    printed_by(page, tmp_path)


@pytest.mark.slow
def test_the_page_on_choices_shows_what_is_printed(tmp_path):
    page = FOLDER / "choose.md"
    shown = re.findall(r"```text\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert printed_by(page, tmp_path) == "".join(shown).strip().splitlines()


@pytest.mark.slow
def test_the_page_on_conditions(tmp_path):
    more = "print(sevens.shape, one_each.shape, any_digit.shape, as_threes.shape)"
    shapes, state, ended = printed_by(FOLDER / "conditional.md", tmp_path, more)
    assert shapes == "(1797, 8, 8, 1) (1797,)"
    assert state in kvae.diagnosis.STATES
    assert ended == "(5, 8, 8, 1) (10, 8, 8, 1) (5, 8, 8, 1) (1797, 8, 8, 1)"


@pytest.mark.slow
def test_the_page_on_hierarchies(tmp_path):
    printed = printed_by(FOLDER / "hierarchical.md", tmp_path)
    assert "'z1_free_bits', 'z1_free_bits_weight', 'z2_free_bits'" in "\n".join(printed)
    assert printed[-1] == "(359, 8, 8, 1) (359, 8, 8, 1) (5, 8, 8, 1) (20,)"


@pytest.mark.slow
def test_the_page_on_missing_values(tmp_path):
    printed = printed_by(FOLDER / "missing.md", tmp_path)
    assert printed[-3] == "0 missing"
    imputed, mean = (float(line.split()[-1]) for line in printed[-2:])
    assert imputed < 0.7 * mean


def test_every_page_is_linked():
    index = (FOLDER / "README.md").read_text("utf-8")
    assert {f"({page.name})" for page in PAGES} <= set(re.findall(r"\(\w+\.md\)", index))
