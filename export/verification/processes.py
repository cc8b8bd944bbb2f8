"""Run exported files where they will run: in a process without Keras, and in a v1 Session."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from ..key import Key
from ..result import ExportError
from .compare import Output
from .precision import in_float32

__all__ = ["in_child", "in_session", "run_script"]

# Runs a script, and ends when the parent does: its end of the pipe is closed then.
CHILD = """
import os, runpy, sys, threading

def end_with_parent():
    os.read(0, 1)
    os._exit(1)

threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

Inputs = Mapping[Key, dict[str, np.ndarray]]


def in_child(
    script: ModuleType, file: Path, inputs: Inputs
) -> tuple[list[Output], dict[str, float]]:
    """Run `script` as a process of its own on an exported file.

    Args:
        script: `litert`, `fresh_process` or `onnx_runtime`, which say what they read and write.
        file: the exported file.
        inputs: arrays by key and name of the input.

    Returns:
        The outputs, and the latency of each signature in milliseconds.

    Raises:
        ExportError: If the process fails, with the last error it named.
    """
    keys = {str(key): key for key in inputs}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        flat = {
            f"{key}/{n}": value for key, values in inputs.items() for n, value in values.items()
        }
        np.savez(source, **flat)  # type: ignore[arg-type]
        run_script(script, [file, source, target], f"exported file {file.name}")
        with np.load(target, allow_pickle=False) as arrays:
            results = dict(arrays)
    outputs, latencies = [], {}
    for text, values in results.items():
        runtime, signature, *name = text.split("/")
        if runtime == "latency":
            latencies[signature] = float(values)
        else:
            outputs.append(Output(runtime, keys[signature], name[0], values))
    return outputs, latencies


def run_script(script: ModuleType, arguments: Sequence[Path], what: str) -> None:
    """Run a module as a script on the CPU, in a process of its own that ends with this one.

    Args:
        script: the module.
        arguments: arguments of the command.
        what: what the script runs, for the error.

    Raises:
        ExportError: If the process fails, with the last error it named.
    """
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(  # noqa: S603
            # -P: the folder of the script is not a place to import from.
            [sys.executable, "-P", "-c", CHILD, str(script.__file__), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # On the CPU: a GPU is full of the tensors of this process, and computes in TF32.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        ) as child:
            status = child.wait()
        log.seek(0)
        lines = log.read().decode("utf-8", "replace").splitlines()
    if status:
        said = [line for line in lines if re.match(r"[\w.]*Error: ", line)]
        raise ExportError(
            f"The {what} does not run: "
            + (said[-1] if said else f"the process ended with status {status}")
        )


@in_float32()
def in_session(path: Path, inputs: Inputs) -> list[Output]:
    """Run a SavedModel through `tf.compat.v1.saved_model.load`, as servers load it.

    The C++ loader does not see Python's objects, so that variables which only Python can find are
    missing here.
    """
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # the loader calls itself deprecated; it has no successor
    outputs = []
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
            for key, values in inputs.items():
                definition = meta.signature_def[str(key)]
                feed = {definition.inputs[name].name: value for name, value in values.items()}
                fetch = {name: info.name for name, info in definition.outputs.items()}
                for name, value in session.run(fetch, feed).items():
                    outputs.append(Output("a v1 Session", key, name, value))
    except tf.errors.OpError as error:
        raise ExportError(f"The SavedModel does not load as servers load it: {error}") from error
    finally:
        logger.setLevel(level)
    return outputs
