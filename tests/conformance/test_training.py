"""Every model is resumed after a kill, and trained on replicas and from tf.data."""

import json
import signal

import pytest

from tests.conformance.case import ModelCase
from tests.conformance.cases import collect, name
from tests.helpers import run_python
from tests.selection import cases_of

every_model = pytest.mark.parametrize("case", collect(ModelCase))

# The order of additions is that of one thread: only then are two runs equal to the last bit.
KILLED = """
import sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
from tests.conformance import training
training.killed(sys.argv[1], sys.argv[2].split())
"""
COMPARED = """
import sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # saves a fifth
from tests.conformance import training
folder, killed, replicated = sys.argv[1:]
training.resumed(folder, killed.split())
training.replicated(folder, replicated.split())
"""


@pytest.fixture(scope="module")
def failures(request, tmp_path_factory):
    """What failed of every case, by the name of the check and of the case."""
    folder = tmp_path_factory.mktemp("training")
    killed, replicated = (
        " ".join(name(case) for case in cases_of(request, check.__name__))
        for check in (
            test_a_killed_run_ends_as_one_that_nobody_killed,
            test_two_replicas_train_as_one,
        )
    )
    done = run_python(KILLED, folder, folder, killed, prepared=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-4000:]
    run_python(COMPARED, folder, folder, killed, replicated, prepared=True)
    checks = "killed", "resumed", "replicated"
    return {check: json.loads((folder / f"{check}.json").read_text()) for check in checks}


@pytest.mark.slow
@every_model
def test_a_killed_run_ends_as_one_that_nobody_killed(case, failures):
    for check in ("killed", "resumed"):
        assert name(case) not in failures[check], failures[check][name(case)]


@pytest.mark.slow
@every_model
def test_two_replicas_train_as_one(case, failures):
    """From tf.data, with every draw the same: replicas have noise of their own."""
    assert name(case) not in failures["replicated"], failures["replicated"][name(case)]
