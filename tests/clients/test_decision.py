"""The page's decision.js and the Python runtime make the same decision of a score."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from kvae.export import runtime
from tests.clients.needed import need
from tests.helpers import ROOT

DECISION = ROOT / "export" / "clients" / "web" / "decision.js"
SCRIPT = """
import { decide } from %s;
import { readFileSync } from "node:fs";
const { scores, calibration } = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(scores.map((score) => decide(score, calibration))));
"""


@pytest.mark.parametrize("two_sided", [False, True])
def test_p_values_and_decisions_are_those_of_python(two_sided, rng, tmp_path):
    node = shutil.which("node")
    need(node, "Node.js", "Run: apt-get install nodejs")
    scores = np.sort(rng.normal(size=157).round(1).astype("float32")).tolist()  # with ties
    low, high = runtime.limits(scores, 0.1, two_sided)
    calibration = {
        "scores": scores,
        "two_sided": two_sided,
        "low": low if two_sided else None,
        "high": high,
    }
    new = [*scores, -9.0, 9.0, *rng.normal(size=50).astype("float32").tolist()]
    script = tmp_path / "script.mjs"
    script.write_text(SCRIPT % json.dumps(DECISION.as_uri()))
    done = subprocess.run(
        [node, script],
        input=json.dumps({"scores": new, "calibration": calibration}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    p = [each["p_value"] for each in found]
    np.testing.assert_allclose(p, runtime.p_values(new, scores, two_sided), rtol=1e-15)
    outside = [score > high or score < low for score in new]
    assert [each["is_anomaly"] for each in found] == outside
