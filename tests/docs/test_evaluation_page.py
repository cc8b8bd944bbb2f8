"""The code of docs/evaluation.md runs as it stands, and the page names every function."""

import re

import pytest

import kvae
from tests.helpers import ROOT, run_python

PAGE = (ROOT / "docs" / "evaluation.md").read_text("utf-8")


@pytest.mark.slow
def test_the_page_on_evaluation_runs_unchanged(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 6
    code = "import warnings\nwarnings.simplefilter('error')\n" + "\n".join(blocks)
    printed = run_python(code, tmp_path, prepared=True).splitlines()
    number = r"-?\d+\.\d+"
    assert re.fullmatch(
        rf"{number} \+- {number} nats per example \(359 examples, 500 samples\), {number} bits per "
        "dimension",
        printed[0],
    )
    assert printed[1] == "(359,) True"
    assert printed[2] == "True"
    assert re.fullmatch(r"\(359,\) [1-8]", printed[3])
    assert printed[4:8] == ["True", "True True", "True True", "True"]
    assert printed[8] == "True True True"


def test_it_names_every_function():
    functions = {name for name in kvae.evaluation.__all__ if name.islower()}
    scores = {"beta_vae_score", "dci", "factor_vae_score", "mig", "modularity", "sap"}
    assert functions - scores - {"latent_axes"} <= set(re.findall(r"\b\w+\b", PAGE))
