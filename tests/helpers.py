"""Plain functions that several tests use."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from kvae.export import runtime
from tests.prepared import Process

ROOT = Path(__file__).resolve().parent.parent


def run_python(code, cwd, *arguments, env=None, check=True, path=ROOT, prepared=False):
    """Run `code` in a new Python process whose working folder is `cwd`.

    Returns its standard output; the finished process with `check=False`. `path` is where it finds
    kvae: the checkout by default. With `prepared=True` the process is forked from one that has
    imported kvae (`tests/prepared.py`), which saves five seconds.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **(env or {}),
    }
    if prepared:
        done = Process({"code": code}, arguments, cwd=cwd, env=environment).finished()
    else:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if not check:
        return done
    assert done.returncode == 0, f"the process failed:\n{done.stderr[-4000:]}"
    return done.stdout


@contextlib.contextmanager
def dtype_policy(name):
    """Set Keras' global dtype policy for a block."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def raw_scale(scale):
    """Return what softplus maps to a scale, a number or an array."""
    return np.log(np.expm1(scale))


def relative(found, expected):
    """Largest difference between two arrays, relative to the largest expected value."""
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected)))


def assert_same_in_float32(found, expected):
    """Assert that two computations of the same numbers agree up to the rounding of float32.

    TensorFlow does not promise equal bits for two calls, not even of one graph: threads and vector
    instructions add in another order, so that a sum of n terms differs by a few times 6e-8 of their
    size. Anything else, such as a lost setting or another draw, differs by far more than 1e-5.

    Nested dictionaries and lists are compared entry by entry; what is not a float has to be equal.
    """
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_same_in_float32(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same_in_float32(one, other)
    elif isinstance(expected, str | bool | int | None):
        assert found == expected
    else:
        found, expected = np.asarray(found), np.asarray(expected)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def graph_and_xla(function):
    """Return `function` as a graph and compiled by XLA, traced in Python once for both."""
    import tensorflow as tf

    graph = tf.function(function, autograph=False)
    compiled = tf.function(lambda *inputs: graph(*inputs), jit_compile=True, autograph=False)
    return {"graph": graph, "xla": compiled}


def free_ports(count):
    """Return ports of this machine that nobody uses at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def summaries(folder):
    """Return (step, tag, plugin, tensor) of every value in a folder of event files."""
    import tensorflow as tf

    found = []
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                found.append((event.step, value.tag, plugin, tf.make_ndarray(value.tensor)))
    return found


def sign(root):
    """Write SHA256SUMS of a bundle anew."""
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != runtime.SUMS
    }
    (root / runtime.SUMS).write_text(runtime.sums_of(files), "ascii", newline="\n")
