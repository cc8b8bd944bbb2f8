"""What `kvae score` prints of the rows that it decided on."""

import re

import numpy as np
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.export import runtime
from tests.helpers import ROOT


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


def test_of_equal_p_values_the_score_farthest_beyond_its_limit_comes_first(tmp_path):
    x = runtime.Model(kvae.zoo.folder("sensor-64")).sample(40, seed=0)
    x[:, 30] += np.linspace(6.0, 12.0, 40)[:, None]  # the last window is the worst one
    np.save(tmp_path / "x.npy", x)
    done = invoke("score", "pretrained:sensor-64", tmp_path / "x.npy")
    assert done.exit_code == 0, done.output
    shown = re.findall(r"│ +(\d+) +│ +([\d.e+]+) +│ +([\d.]+) +│", done.stdout)
    assert len(shown) == 20
    assert len({p for _, _, p in shown}) == 1
    scores = [float(score) for _, score, _ in shown]
    assert scores == sorted(scores, reverse=True)
    assert "39" in {row for row, _, _ in shown[:3]}


def test_a_table_for_a_bundle_of_windows_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "x.csv").write_text("time,a,b\n2024-01-01,1.5,2.5\n")
    done = invoke("score", "pretrained:sensor-64", tmp_path / "x.csv")
    assert done.exit_code == 2
    assert "Expected DATA to be an array of shape (rows, 64, 2) in an .npy file" in done.stderr
    assert "a run folder of kvae train --window" in done.stderr


def test_a_file_with_the_condition_is_scored_by_a_conditional_bundle(tmp_path):
    bundle = ROOT / "tests" / "goldens" / "v1" / "conditional" / "bundle"
    model = runtime.Model(bundle)
    condition = model.signatures["score"]["inputs"]["condition"]
    shape = (5, *condition["shape"][1:])
    inputs = {"x": np.full((5, *model.manifest["model"]["event_shape"]), 0.5, "float32")}
    inputs["condition"] = np.zeros(shape, condition["dtype"])
    np.savez(tmp_path / "x.npz", **inputs)
    done = invoke("score", bundle, tmp_path / "x.npz", "--output", tmp_path / "scores.csv")
    assert done.exit_code == 0, done.output
    found = np.loadtxt(tmp_path / "scores.csv", delimiter=",", skiprows=1, usecols=1)
    np.testing.assert_allclose(found, model.score(**inputs), rtol=1e-6)
