"""Training on several replicas is training in one process: the same losses, the same weights."""

import json
import os
import time

import numpy as np
import pytest
import tensorflow as tf

from kvae.training.distribution import from_all_workers, shared
from tests.helpers import ROOT, free_ports
from tests.prepared import Process
from tests.training import distributed_run
from tests.training.distributed_run import BATCHES, SHORT, STEPS, STOPPED

TOLERANCE = 1e-5  # relative; sums over replicas round otherwise than one sum, 100 steps long
SECONDS = 900  # only a hang takes so long: four workers may share two busy cores


def start(folder, **environment):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
        **environment,
    }
    return Process({"module": "tests.training.distributed_run"}, [folder], env=environment)


def ended(processes):
    """Wait for the processes; return their exit codes and what they said."""
    deadline = time.monotonic() + SECONDS
    try:
        said = [p.communicate(timeout=deadline - time.monotonic())[1] for p in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [process.returncode for process in processes], said


def run_workers(folder, count, **environment):
    """Run as many workers on loopback; return their exit codes and what they said."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(count)]
    processes = []
    for index in range(count):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        processes.append(start(folder, TF_CONFIG=json.dumps(config), **environment))
    return ended(processes)


def results(folder, count, codes, said):
    assert codes == [0] * count, "\n".join(text[-2000:] for text in said)
    return [dict(np.load(folder / f"worker-{index}.npz")) for index in range(count)]


@pytest.fixture(scope="module")
def alone():
    return distributed_run.train(tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return results(folder, 2, *run_workers(folder, 2))


def check_equal(found, expected):
    """The same numbers at each step, at each epoch's end, in validation, and at the end."""
    for name in expected:
        assert found[name].shape == expected[name].shape
        scale = np.abs(expected[name]) if name == "steps" else np.abs(expected[name]).max()
        # Weights of Adam: a gradient near zero may round to the other sign, which moves it by the
        # learning rate at most; what the weights amount to is in the losses and the predictions.
        tolerance = 1e-3 if name.startswith(("weights", "early")) else TOLERANCE
        error = np.max(np.abs(found[name] - expected[name]) / np.maximum(scale, 1e-3))
        assert error < tolerance, (name, error)


@pytest.mark.slow
def test_two_replicas_in_one_process_train_as_one(alone, tmp_path):
    found = results(tmp_path, 1, *ended([start(tmp_path, REPLICAS="2")]))[0]
    check_equal(found, alone)
    assert len(np.unique(found["draws"])) == 2 * 4 * 3, "each replica has noise of its own"


@pytest.mark.thorough
def test_two_workers_train_as_one(alone, two_workers):
    for found in two_workers:
        check_equal(found, alone)
    every = np.concatenate([found["draws"] for found in two_workers])
    assert len(np.unique(every)) == 2 * 4 * 3, "each worker has noise of its own"


@pytest.mark.thorough
@pytest.mark.parametrize("steps", STEPS)
def test_several_batches_an_execution_train_as_one_process(two_workers, steps):
    """With a short last batch, weights and an annealed KL; the last execution is short as well."""
    expected = distributed_run.train(tf.distribute.get_strategy(), SHORT, steps_per_execution=steps)
    for found in two_workers:
        check_equal({name: found[f"{steps}/{name}"] for name in expected}, expected)


@pytest.mark.thorough
def test_workers_resume_in_the_middle_of_an_epoch_with_several_batches_an_execution(two_workers):
    for found in two_workers:
        assert found["resumed/seen"][0] == STOPPED + STEPS[0]
        for name in found:
            if name.startswith("resumed/history/"):
                whole = found[name.replace("resumed", str(STEPS[0]))]
                np.testing.assert_allclose(found[name], whole, rtol=1e-6)


@pytest.mark.thorough
def test_a_step_exchanges_the_gradient_and_one_message_more(two_workers):
    """The second is for the losses, which have to be finite; one execution exchanges its logs."""
    for found in two_workers:
        for name in distributed_run.REGULARIZERS:
            means = 0 if name == "each example" else 1  # means over the global batch
            train, evaluate = [2 + means, 1], [means, 1]
            assert found[f"collectives/{name}"].tolist() == train + evaluate, name


@pytest.mark.thorough
def test_a_killed_worker_comes_back(two_workers, tmp_path):
    dying, short = BATCHES + 5, str(SHORT)
    dies = json.dumps({"1": dying})
    codes, said = run_workers(tmp_path, 2, EPOCHS=short, DYING=dies)
    assert codes == [1, -9]
    assert "Expected all workers" in said[0]
    assert "Start all of them again" in said[0]

    again = results(tmp_path, 2, *run_workers(tmp_path, 2, EPOCHS=short))
    for found, unbroken in zip(again, two_workers, strict=True):
        first = found["seen"][0]
        assert dying - 3 < first <= dying, "checkpoints are of every third batch"
        np.testing.assert_array_equal(found["seen"], np.arange(first, BATCHES * SHORT + 1))
        # A restored metric is shared out equally among the workers, so that sums round otherwise.
        steps = unbroken["steps"][first - 1 : BATCHES * SHORT]
        np.testing.assert_allclose(found["steps"], steps, rtol=1e-6)
        early = [name for name in unbroken if name.startswith("early/")]
        assert len(early) > 20
        for name in early:  # weights, optimizer and generators, bit for bit
            np.testing.assert_array_equal(found[name], unbroken[name])
        for name in unbroken:
            if name.startswith("history/"):
                whole = unbroken[name][: len(found[name])]
                np.testing.assert_allclose(found[name], whole, rtol=1e-6)
    assert not list((tmp_path / "run").glob("*_temp"))


@pytest.mark.soak
def test_four_workers_train_as_one(alone, tmp_path):
    for found in results(tmp_path, 4, *run_workers(tmp_path, 4)):
        check_equal(found, alone)


def test_one_process_needs_nothing_of_this():
    strategy = tf.distribute.get_strategy()
    assert shared(None)[0] == 1.0
    assert from_all_workers(strategy, 1, 2).tolist() == [[1, 2]]
