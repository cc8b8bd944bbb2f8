"""The clients' decision.js and decision.h make the decision of the Python runtime of a score."""

import json
import subprocess

import numpy as np
import pytest

from kvae.export import runtime
from kvae.export.bundles.decision import decision_table
from tests.clients.c_project import compiled
from tests.clients.javascript import javascript

FILE = "model-int8.tflite"
IN_JAVASCRIPT = """
const { decide } = await load("decision.js");
const found = given.scores.map((score) => decide(score, given.calibration));
return found.map((each) => [each.p_value, each.is_anomaly]);
"""
IN_C = """
#include <stdio.h>
#include "decision.h"
int main(int count, char **arguments) {
  static char text[65536];
  Decision decision;
  FILE *file = fopen(arguments[1], "rb");
  text[fread(text, 1, sizeof text - 1, file)] = '\\0';
  fclose(file);
  int found = read_decision(text, arguments[2], &decision);
  if (found != DECISION) free(decision.scores);
  if (found != DECISION) return found == DAMAGED ? 3 : 4;
  printf("[");
  for (int i = 3; i < count; i++) {
    float score = strtof(arguments[i], NULL);
    const char *answer = is_anomaly(&decision, score) ? "true" : "false";
    printf("%s[%.17g, %s]", i == 3 ? "" : ", ", p_value(&decision, score), answer);
  }
  printf("]");
  free(decision.scores);
  return 0;
}
"""


@pytest.fixture
def in_javascript():
    """Return what decision.js says of scores: [p-value, decision] of each."""
    return lambda scores, calibration: javascript(
        IN_JAVASCRIPT, {"scores": scores, "calibration": calibration}
    )


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    """Return a function that runs the C program on the text of a decision.tsv."""
    folder = tmp_path_factory.mktemp("c")
    (folder / "decide.c").write_text(IN_C)
    program = compiled(folder / "decide.c")

    def run(text, scores):
        (folder / "decision.tsv").write_text(text, "utf-8")
        command = [program, folder / "decision.tsv", FILE, *map(repr, scores)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture(scope="module")
def in_c(c_program):
    """Return what decision.h says of scores: [p-value, decision] of each."""

    def decide(scores, calibration):
        other = {**calibration, "scores": [0.0], "low": None, "two_sided": False, "high": 0.0}
        artefacts = [
            {"file": "model-float32.tflite", "calibration": other},
            {"file": FILE, "calibration": calibration},
        ]
        done = c_program(decision_table(artefacts), scores)
        assert done.returncode == 0
        return json.loads(done.stdout)

    return decide


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("client", ["in_javascript", "in_c"])
def test_p_values_and_decisions_are_those_of_python(client, two_sided, rng, request):
    decide = request.getfixturevalue(client)
    # With ties, and with digits that a float32 number needs all of.
    rounded = rng.normal(size=100).round(1), rng.normal(size=57) * 1e3
    scores = np.sort(np.concatenate(rounded).astype("float32")).tolist()
    low, high = runtime.limits(scores, 0.1, two_sided)
    calibration = {
        "scores": scores,
        "two_sided": two_sided,
        "low": low if two_sided else None,
        "high": high,
    }
    new = [*scores, -9e3, 9e3, *rng.normal(size=50).astype("float32").tolist()]
    p, decided = zip(*decide(new, calibration), strict=True)
    np.testing.assert_allclose(p, runtime.p_values(new, scores, two_sided), rtol=1e-15)
    outside = [score > high or score < low for score in new]
    assert list(decided) == outside


@pytest.mark.parametrize(
    "line",
    [
        f"{FILE}\t0\t-\t1.5",
        f"{FILE}\t0\t-\t1.5\t",
        f"{FILE}\t0\t-\tmany\t0.5 1.5",
        f"{FILE}\t1\t-\t1.5\t0.5 1.5",
        f"{FILE}\t0\t-\t1.5\t1.5 0.5",
        f"{FILE}\t0\t-\t1.5\t0.5 nan",
        f"{FILE}\t0\t-\tnan\t0.5 1.5",
        f"{FILE}\t2\t-\t1.5\t0.5 1.5",
        f"{FILE}\t0\t0.5\t1.5\t0.5 1.5",
        f"{FILE}\t0\t-\t1.5\t0.5.6.7.8",
        f"{FILE}\t0\t-\t1.5\t0.5 1.5\tmore",
    ],
)
def test_a_damaged_decision_is_an_error_in_c(c_program, line):
    assert c_program(line + "\n", [1.0]).returncode == 3


def test_a_file_without_a_threshold_has_no_decision_in_c(c_program):
    assert c_program("model-float32.tflite\t0\t-\t1.5\t0.5 1.5\n", [1.0]).returncode == 4
