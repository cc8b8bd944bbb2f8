"""Run a `.tflite` file on LiteRT; numpy and ai-edge-litert alone, no TensorFlow.

As a script, `python -P litert.py MODEL.tflite INPUTS.npz OUTPUTS.npz`, it runs a file in both of
LiteRT's engines and times it. The checks run it that way: native code that crashes or floods the
terminal with its log does so in a process of its own.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main", "run_compiled", "run_interpreter"]

LATENCY_RUNS = 50


def run_interpreter(
    path: Path, signature: str, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run a signature of a file on rows of inputs, by the LiteRT Interpreter on one thread.

    Args:
        path: the `.tflite` file.
        signature: name of the signature.
        inputs: arrays (rows, ...) by name; the last rows are repeated to fill the last batch.

    Returns:
        Arrays (rows, ...) by name.

    Example:
        >>> from kvae.export.verification import litert
        >>> z = np.zeros((3, 2), np.float32)
        >>> litert.run_interpreter(tflite_file, "decode", {"z": z})["mean"].shape
        (3, 8, 8, 1)
    """
    run = _runner(path, signature)
    sources, targets = run.get_input_details(), run.get_output_details()
    batch = int(next(iter(sources.values()))["shape"][0])
    parts = [run(**_to_int8(chunk, sources)) for chunk in _chunks(inputs, batch)]
    return _join([_from_int8(part, targets) for part in parts], inputs)


def run_compiled(
    path: Path, signature: str, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run a signature as `run_interpreter` does, by LiteRT's CompiledModel.

    Args:
        path: the `.tflite` file.
        signature: name of the signature.
        inputs: arrays (rows, ...) by name; the last rows are repeated to fill the last batch.

    Returns:
        Arrays (rows, ...) by name.

    Example:
        >>> from kvae.export.verification import litert
        >>> z = np.zeros((3, 2), np.float32)
        >>> litert.run_compiled(tflite_file, "decode", {"z": z})["mean"].shape
        (3, 8, 8, 1)
    """
    from ai_edge_litert.compiled_model import CompiledModel

    with CompiledModel.from_file(str(path)) as model:
        sources = model.get_input_tensor_details(signature)
        targets = model.get_output_tensor_details(signature)
        source_buffers = {n: model.create_input_buffer_by_name(signature, n) for n in sources}
        target_buffers = {n: model.create_output_buffer_by_name(signature, n) for n in targets}
        batch = int(next(iter(sources.values()))["shape"][0])
        scales = _runner(path, signature)  # the CompiledModel does not tell them
        parts = []
        for chunk in _chunks(inputs, batch):
            for name, value in _to_int8(chunk, scales.get_input_details()).items():
                source_buffers[name].write(np.ascontiguousarray(value))
            model.run_by_name(signature, source_buffers, target_buffers)
            part = {name: _read(target_buffers[name], targets[name]) for name in targets}
            parts.append(_from_int8(part, scales.get_output_details()))
    return _join(parts, inputs)


def _to_int8(values: dict[str, np.ndarray], details: dict[str, Any]) -> dict[str, np.ndarray]:
    """Quantize the inputs that a file takes as int8: value / scale + zero point."""
    result = dict(values)
    for name, detail in details.items():
        if detail["dtype"] == np.int8:
            scale, zero = detail["quantization"]
            rounded = np.round(values[name] / scale + zero)
            result[name] = np.clip(rounded, -128, 127).astype(np.int8)
    return result


def _from_int8(values: dict[str, np.ndarray], details: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return int8 outputs as the floats they stand for."""
    result = dict(values)
    for name, detail in details.items():
        if detail["dtype"] == np.int8:
            scale, zero = detail["quantization"]
            result[name] = (values[name].astype(np.float32) - zero) * np.float32(scale)
    return result


def _runner(path: Path, signature: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path), num_threads=1).get_signature_runner(signature)


def _read(buffer: Any, details: dict[str, Any]) -> np.ndarray:
    shape = [int(size) for size in details["shape"]]
    values = buffer.read(int(np.prod(shape)), np.dtype(details["dtype"]).type)
    return np.array(values).reshape(shape)


def _chunks(inputs: dict[str, np.ndarray], batch: int) -> list[dict[str, np.ndarray]]:
    """Cut the rows into batches; the last one is filled up with its last row."""
    rows = _rows(inputs)
    starts = range(0, rows, batch)
    picks = [np.minimum(np.arange(start, start + batch), rows - 1) for start in starts]
    return [{name: value[pick] for name, value in inputs.items()} for pick in picks]


def _join(
    parts: list[dict[str, np.ndarray]], inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Put the batches together again, without the rows that filled up the last one."""
    rows = _rows(inputs)
    return {name: np.concatenate([part[name] for part in parts])[:rows] for name in parts[0]}


def _rows(inputs: dict[str, np.ndarray]) -> int:
    return len(next(iter(inputs.values())))


def _latency_ms(path: Path, signature: str, inputs: dict[str, np.ndarray]) -> float:
    """Return the median time of one call, in milliseconds, after one call to warm up."""
    run = _runner(path, signature)
    batch = int(next(iter(run.get_input_details().values()))["shape"][0])
    chunk = _to_int8(_chunks(inputs, batch)[0], run.get_input_details())
    run(**chunk)
    times = []
    for _ in range(LATENCY_RUNS):
        start = time.perf_counter()
        run(**chunk)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def main(model: str, source: str, target: str) -> None:
    """Run the signatures named in `source` and write their outputs and latencies to `target`.

    Keys are `signature/input` there and `engine/signature/output` or `latency/signature` here.
    """
    path = Path(model)
    with np.load(source, allow_pickle=False) as arrays:
        inputs: dict[str, dict[str, np.ndarray]] = {}
        for key, value in arrays.items():
            signature, name = key.split("/")
            inputs.setdefault(signature, {})[name] = value
    results: dict[str, Any] = {}
    for signature, values in inputs.items():
        for engine, run in (("Interpreter", run_interpreter), ("CompiledModel", run_compiled)):
            for name, value in run(path, signature, values).items():
                results[f"LiteRT {engine}/{signature}/{name}"] = value
        results[f"latency/{signature}"] = np.float64(_latency_ms(path, signature, values))
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
