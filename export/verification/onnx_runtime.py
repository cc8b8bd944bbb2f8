"""Run an ONNX file on ONNX Runtime; numpy and onnxruntime alone, no TensorFlow.

Run as a script: `python -P onnx_runtime.py MODEL.onnx INPUTS.npz OUTPUTS.npz`; keys are those of
`litert.py`.
"""

import sys
import time
from typing import Any

import numpy as np

__all__ = ["main", "run"]

LATENCY_RUNS = 50
ENGINE = "ONNX Runtime"


def run(session: Any, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the outputs by name, (rows, ...), of a session of ONNX Runtime.

    Args:
        session: the `onnxruntime.InferenceSession`.
        inputs: arrays (rows, ...) by name; where the batch of the file is static, the last rows
            are repeated to fill the last batch.
    """
    rows = len(next(iter(inputs.values())))
    batch = session.get_inputs()[0].shape[0]
    size = batch if isinstance(batch, int) else rows
    picks = [np.minimum(np.arange(s, s + size), rows - 1) for s in range(0, rows, size)]
    parts = [session.run(None, {name: v[pick] for name, v in inputs.items()}) for pick in picks]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.concatenate(values)[:rows]
        for name, values in zip(names, zip(*parts, strict=True), strict=True)
    }


def main(model: str, source: str, target: str) -> None:
    """Run the one signature named in `source`; write its outputs and latency to `target`."""
    import onnxruntime

    inputs = {}
    with np.load(source, allow_pickle=False) as arrays:
        for key, value in arrays.items():
            signature, name = key.split("/")
            inputs[name] = value
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found = run(session, inputs)
    results: dict[str, Any] = {f"{ENGINE}/{signature}/{name}": v for name, v in found.items()}
    batch = session.get_inputs()[0].shape[0]
    call = {name: value[: batch if isinstance(batch, int) else 1] for name, value in inputs.items()}
    times = []
    for _ in range(LATENCY_RUNS + 1):
        start = time.perf_counter()
        session.run(None, call)
        times.append(time.perf_counter() - start)
    results[f"latency/{signature}"] = 1e3 * np.median(times[1:])
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
