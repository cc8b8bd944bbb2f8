"""A process that is killed with a signal it cannot catch, at any moment, and started again."""

import os
import time

import keras
import numpy as np
import pytest

from tests.callbacks import killed_run
from tests.callbacks.killed_run import BATCHES, EVERY
from tests.helpers import ROOT
from tests.prepared import Process


def start(folder, epochs):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    program = {"module": "tests.callbacks.killed_run"}
    return Process(program, [folder, epochs], cwd=ROOT, env=environment)


def trained(folder):
    """Return (pid, batch of the run, steps of the optimizer, content) of each batch in the log."""
    log = folder / "log"
    lines = map(str.split, log.read_text().splitlines() if log.exists() else [])
    return [(int(pid), int(batch), int(steps), float(x)) for pid, batch, steps, x in lines]


def kill_after(folder, epochs, batches, seconds):
    """Start the run, let it train some batches and kill it in the midst of what comes then."""
    process = start(folder, epochs)
    try:
        before = len(trained(folder))
        while len(trained(folder)) < before + batches:
            assert process.poll() is None, process.communicate()[1][-3000:]
            time.sleep(0.001)
        time.sleep(seconds)
    finally:
        process.kill()
        process.wait()


def check(folder, unbroken, epochs, processes):
    """Finish the run and compare it with the one that nobody killed."""
    process = start(folder, epochs)
    _, error = process.communicate()
    assert process.returncode == 0, error[-3000:]

    runs = {}
    for pid, *batch in trained(folder):
        runs.setdefault(pid, []).append(batch)
    assert len(runs) == processes
    made = []  # the batches whose updates are in the weights
    for batches in runs.values():
        first = batches[0][0] - 1  # where the checkpoint stood
        assert first % EVERY == 0 or first % BATCHES == 0
        assert len(made) - EVERY <= first <= len(made), "no more is lost than since the newest one"
        made = made[:first] + batches  # the weights went back to the checkpoint
    numbers = list(range(1, epochs * BATCHES + 1))
    assert [number for number, _, _ in made] == numbers, "each batch once, and in order"
    assert [steps for _, steps, _ in made] == numbers, "the optimizer took each once"
    content = [x for _, _, _, x in trained(unbroken)]
    assert [x for _, _, x in made] == content, "the same examples in each batch"
    assert len(set(content)) == len(content)

    found, expected = np.load(folder / "end.npz"), np.load(unbroken / "end.npz")
    assert len(found.files) == len(expected.files)
    for name in expected.files:
        np.testing.assert_array_equal(found[name], expected[name])
    return sum(map(len, runs.values())) - len(made)


def unbroken_run(folder, epochs):
    folder.mkdir()
    keras.utils.set_random_seed(5)
    killed_run.train(folder, epochs, keep=False)
    return folder


@pytest.mark.slow
def test_a_killed_run_goes_on_at_the_batch(tmp_path):
    unbroken = unbroken_run(tmp_path / "unbroken", epochs=2)
    folder = tmp_path / "killed"
    folder.mkdir()
    kill_after(folder, epochs=2, batches=14, seconds=0.0)
    check(folder, unbroken, epochs=2, processes=2)


@pytest.mark.soak
def test_twenty_kills_at_random_points(tmp_path):
    """Each wherever it strikes: in a step, in validation, or while a checkpoint is written."""
    rng = np.random.default_rng()
    unbroken = unbroken_run(tmp_path / "unbroken", killed_run.EPOCHS)
    folder = tmp_path / "killed"
    folder.mkdir()
    for _ in range(20):
        kill_after(folder, killed_run.EPOCHS, int(rng.integers(1, 10)), rng.uniform(0.0, 0.05))
    lost = check(folder, unbroken, killed_run.EPOCHS, processes=21)
    left = sorted(path.name for path in (folder / "run").iterdir())
    print(f"20 kills, {lost} batches lost and trained again from the checkpoint; left: {left}")
