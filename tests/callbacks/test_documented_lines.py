"""The code of docs/training.md about interruptions and the recipe runs as the page says."""

import re

import pytest

from tests.helpers import ROOT

PAGE = ROOT / "docs" / "training.md"


def code_of(section):
    text = PAGE.read_text("utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(blocks, page):
    exec(compile("\n".join(blocks), str(PAGE), "exec"), page)
    return page


@pytest.mark.slow
def test_the_documented_run_is_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = code_of("Resuming after an interruption")
    assert len(blocks) == 2
    page = run(blocks, {"__name__": "training"})
    assert page["history"].epoch == [0, 1]
    assert page["train"]("run", epochs=3).epoch == [0, 1, 2]
    assert page["x"].shape == (1_000, 8, 8, 1)


@pytest.mark.slow
def test_the_documented_recipe_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    imports = "import keras\nimport kvae\n"
    page = run([imports, *code_of("A recipe for the best bound")], {"__name__": "recipe"})
    history = page["vae"].history.history["val_elbo"]
    assert history[page["best"].epoch] == max(history) > history[0]
