"""Array methods are traced once for a model, and without TensorFlow's warnings."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from kvae.models.batches import BatchedFunction
from tests.helpers import run_python

X = np.random.default_rng(0).random((5, 8, 8, 1)).astype("float32")


def test_batches_of_any_number_share_one_trace():
    traced = []

    def doubled(x):
        traced.append(x.shape)
        return 2.0 * x

    function = BatchedFunction(doubled)
    for batch_size in (5, 2, 1, None):
        np.testing.assert_array_equal(function(X, batch_size), 2.0 * X)
    assert len(traced) == 1
    assert function(X.astype("float64")).dtype == np.float64
    assert function(X[:, 0]).shape == X[:, 0].shape
    assert len(traced) == 3


def test_each_batch_draws_by_a_seed_of_its_own():
    function = BatchedFunction(lambda x, seed: tf.random.stateless_uniform(tf.shape(x), seed))
    seed = tf.constant([1, 2])
    whole, parts = function(X, 5, seed=seed), function(X, 2, seed=seed)
    np.testing.assert_array_equal(whole[:2], parts[:2])
    assert not np.array_equal(parts[:2], parts[2:4])


MODELS = """
import numpy as np, keras
from tests.small import make_vae
x = np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")
for _ in range(7):
    vae = make_vae()
    vae.encode(x); vae.decode(np.zeros((3, 2), "float32")); vae.reconstruct(x)
    vae.sample(2, seed=0); vae.elbo(x, seed=0)
"""


def test_seven_models_in_a_process_print_no_retracing_warning(tmp_path):
    done = run_python(MODELS, tmp_path, prepared=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "retracing" not in done.stderr


@pytest.mark.slow
def test_several_models_trained_by_one_program_print_no_retracing_warning(tmp_path):
    code = """
import numpy as np, keras
from tests.small import make_vae
x = np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")
for _ in range(6):
    vae = make_vae()
    vae.compile("sgd", steps_per_execution=2, jit_compile=True)
    vae.fit(x, batch_size=4, verbose=0)
"""
    done = run_python(code, tmp_path, prepared=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "retracing" not in done.stderr


@pytest.mark.slow
def test_five_models_that_do_everything_warn_of_nothing_of_kvae(tmp_path):
    """Plain Keras prints the same warnings of the functions that `fit` and `predict` trace."""
    code = """
import warnings
import numpy as np, keras
from tests.small import make_vae
warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*__array__ implementation.*", DeprecationWarning)  # Keras' own
x = np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")
for _ in range(5):
    vae = make_vae()
    vae.compile("adam")
    vae.fit(x, batch_size=4, verbose=0, validation_data=x)
    vae.evaluate(x, batch_size=4, verbose=0); vae.predict(x, batch_size=4, verbose=0)
    vae.encode(x); vae.decode(np.zeros((3, 2), "float32")); vae.score(x); vae.sample(2)
"""
    done = run_python(code, tmp_path, prepared=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    warned = [line for line in done.stderr.splitlines() if "retracing" in line]
    assert all("<function TensorFlowTrainer." in line for line in warned), warned


def test_draws_without_a_seed_differ_between_threads(vae):
    seeds, start = [], threading.Barrier(8)

    def work():
        start.wait()
        seeds.extend(tuple(np.asarray(vae._draw_seed(None))) for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seeds)) == 800
