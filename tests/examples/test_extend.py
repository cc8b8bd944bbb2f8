"""A user's own objective, likelihood, regularizer and second optimizer live through everything."""

import time

import numpy as np
import pytest

from tests.helpers import ROOT, run_python
from tests.prepared import Process

SCRIPTS = sorted(path.stem for path in (ROOT / "examples" / "extend").glob("*.py"))
EPOCHS = 6  # of five batches

RELOAD = """
import sys
import keras, numpy as np, kvae
from tests.examples.extend_run import EXAMPLES, load
load(sys.argv[1])
vae = keras.saving.load_model(sys.argv[2] + "/model.keras", safe_mode=True)
x = kvae.data.digits()[1][:EXAMPLES]
np.savez(sys.argv[2] + "/loaded.npz", *vae.get_weights())
print(kvae.diagnose(vae, x))
assert np.isfinite(vae.fit(x, verbose=0).history["loss"][0])
"""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_under_forty_lines_of_code(name):
    lines = (ROOT / "examples" / "extend" / f"{name}.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) < 40


def start(name, folder):
    return Process({"module": "tests.examples.extend_run"}, [name, folder, EPOCHS])


def finished(name, folder):
    """Run the script to its end and return what it prints."""
    process = start(name, folder)
    report, error = process.communicate()
    assert process.returncode == 0, error[-4000:]
    return report


def kill_after_a_checkpoint(name, folder):
    process = start(name, folder)
    try:
        while not any((folder / "run").glob("ckpt-*.index")):
            assert process.poll() is None, process.communicate()[1][-4000:]
            time.sleep(0.001)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_killed_resumed_reloaded_and_diagnosed(name, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    finished(name, whole)
    kill_after_a_checkpoint(name, killed)
    before = len((killed / "log").read_text().splitlines())
    assert before < 5 * EPOCHS, "the run ended before the kill"
    report = finished(name, killed)
    batches = len((killed / "log").read_text().splitlines())
    assert before <= batches < before + 5 * EPOCHS, "it did not resume"
    assert "KL to the prior" in report

    expected, found = np.load(whole / "end.npz"), np.load(killed / "end.npz")
    assert found.files == expected.files
    for key in expected.files:
        np.testing.assert_array_equal(found[key], expected[key])

    report = run_python(RELOAD, tmp_path, name, killed, prepared=True)
    assert "KL to the prior" in report
    with np.load(killed / "loaded.npz") as loaded:
        weights = [loaded[key] for key in loaded.files]
    assert all(any(np.array_equal(w, expected[k]) for k in expected.files) for w in weights)
