"""Fixtures that all tests share."""

import gc
import os
from subprocess import PIPE
from types import SimpleNamespace

# Without LLVM's optimizer XLA compiles in half of the time; results differ by rounding alone. The
# processes that tests start inherit the variable. One that is set stays: `XLA_FLAGS= make test`
# compiles as XLA does for users, and so does the workflow's job with the lowest versions. Grappler
# stays on: without it a graph runs a sixth sooner for the first time, but what TensorFlow keeps of
# a small dense model after its end grows from 8 to 36 MB.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import keras
import numpy as np
import pytest

import kvae
from kvae.export.verification import processes
from tests import graphs, selection
from tests.prepared import verifying
from tests.small import make_vae


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out what takes long: make check")
    parser.addoption("--sample", action="store_true", help="a quarter of each battery: make test")


# Tests that share what takes long to make: with xdist and --dist loadscope one process runs all
# whose node id starts alike; the first line that fits counts. Any other test is handed out by
# itself. (The marks of --dist loadgroup do nothing with xdist 3.8 and pytest 9.2: pytest no longer
# reads the Item._nodeid that it sets.)
TOGETHER = (
    "tests/cli/test_ablation.py",
    "tests/cli/test_bench.py",
    "tests/cli/test_demo.py",
    "tests/cli/test_diagnose.py",
    "tests/clients/test_beam.py",
    "tests/clients/test_mlserver.py",
    "tests/clients/",  # the browser, C and Python run the same bundles
    "tests/conformance/test_keras_layers.py",
    "tests/conformance/test_round_trip.py::test_a_keras_file",
    "tests/conformance/test_round_trip.py::test_a_saved_model",
    "tests/conformance/test_training.py",
    "tests/diagnosis/test_closed_form.py",
    "tests/docs/test_from_tfp_layers.py",
    "tests/export/",
    "tests/layers/test_log_prob_in_tflite.py",
    "tests/layers/test_means_in_tflite.py",
    "tests/packaging/test_wheel.py",
    "tests/test_doctests.py::test_example[kvae.export",
    "tests/test_special_functions.py::test_litert",
    "tests/training/test_distribution.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.option.dist != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)

    return Scheduler(config, log)


def pytest_collection_finish():
    """Let Python's garbage collector pass over what is imported, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_collection_modifyitems(config, items):
    kept = list(items)
    for name in ("sample", "quick"):
        if config.getoption(f"--{name}"):
            kept = getattr(selection, name)(kept)
    chosen = {id(item) for item in kept}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def _verified_in_prepared_processes():
    """`saved_model` tries each file in a process forked from one that has TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "subprocess", SimpleNamespace(Popen=verifying, PIPE=PIPE))
        yield


@pytest.fixture(scope="session", autouse=True)
def _graphs_are_freed():
    with pytest.MonkeyPatch.context() as patch:
        graphs.free_with_their_functions(patch)
        yield


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random state, in whatever order the tests run."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def grey():
    """Forty grey images of 8x8 pixels in [0, 1]."""
    return np.random.default_rng(1).uniform(size=(40, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="session")
def digits():
    return kvae.data.digits()


@pytest.fixture(name="make_vae")
def make_vae_fixture():
    return make_vae


@pytest.fixture
def vae():
    """A small compiled VAE over (8, 8, 1) with two latent dimensions."""
    model = make_vae()
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    return model


@pytest.fixture(scope="session")
def trained_vae(digits):
    """A VAE trained for a moment on digits; tests read it and never change it."""
    keras.utils.set_random_seed(0)
    model = make_vae()
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    model.fit(digits[0][:512], epochs=2, verbose=0)
    return model
