"""Measure files of a bundle on this machine, in a process of its own without TensorFlow.

As a script, `python -P measure_process.py TASK.json RESULT.json`. Only numpy, ai-edge-litert and
runtime.py, which is loaded by its path, are needed: the memory of this process is that of a program
on a device. The task holds

    what       "memory" or "latency"
    runtime    path of runtime.py
    bundle     folder of the bundle
    inputs     an .npz file with the rows of one call, under "signature/input"
    preset     of the file to load, for "memory"
    threads, rounds, calls, seconds    for "latency", see `interleaved`
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["interleaved", "main"]

WARM_UP = 3  # untimed calls at the start of a turn
LEAST_CALLS = 3
PAUSE = 0.05  # seconds before a turn; threads of the last contender spin for milliseconds

Call = Callable[[], Any]


def interleaved(
    contenders: Mapping[Any, Mapping[str, Call]], rounds: int, calls: int, seconds: float
) -> dict[Any, dict[str, list[float]]]:
    """Time the calls of several contenders in alternating turns.

    Changes in the load of the machine then affect all of them. A turn begins with a pause; each
    function of the contender then makes `WARM_UP` untimed calls and the timed ones.

    Args:
        contenders: functions without arguments, by contender and name.
        rounds: number of turns of each contender.
        calls: timed calls of each function in a turn.
        seconds: after this time a function makes no more calls than `LEAST_CALLS` in a turn.

    Returns:
        Times in milliseconds by contender and name.
    """
    times: dict[Any, dict[str, list[float]]] = {
        contender: {name: [] for name in functions} for contender, functions in contenders.items()
    }
    for _ in range(rounds):
        for contender, functions in contenders.items():
            time.sleep(PAUSE)
            for name, call in functions.items():
                for _ in range(WARM_UP):
                    call()
                begun = time.perf_counter()
                for count in range(calls):
                    start = time.perf_counter()
                    if count >= LEAST_CALLS and start - begun > seconds:
                        break
                    call()
                    times[contender][name].append(1e3 * (time.perf_counter() - start))
    return times


def _memory(runtime: Any, task: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the memory of this process before it opens a model, and its peak after all calls."""
    import ai_edge_litert.interpreter  # noqa: F401 - the library is not a part of the model

    base = _resident("VmRSS")
    model = runtime.Model(task["bundle"], preset=task["preset"])
    for signature, values in inputs.items():
        if signature in model.signatures:
            model.run(signature, **values)
    return {"base_bytes": base, "peak_bytes": _resident("VmHWM")}


def _resident(entry: str) -> int | None:
    """Return the memory that this process has (VmRSS) or has had at most (VmHWM), in bytes.

    Where the system has no /proc, both are the peak; None where it does not tell that either.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its peak begins with that of the process that started this one.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith(entry)]
        return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _latency(runtime: Any, task: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the times of each signature for each number of threads, by preset."""
    from ai_edge_litert.interpreter import Interpreter

    bundle = runtime.Bundle(task["bundle"])
    interpreters, contenders = [], {}
    for artefact in bundle.manifest["artefacts"]:
        model = bundle.model(artefact["preset"])
        for threads in task["threads"]:
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreters.append(interpreter)  # a signature runner does not keep it alive
            contenders[artefact["preset"], threads] = {
                signature: partial(interpreter.get_signature_runner(signature), **values)
                for signature, values in inputs.items()
                if signature in artefact["signatures"]
            }
    times = interleaved(contenders, task["rounds"], task["calls"], task["seconds"])
    results: dict[str, list[dict[str, Any]]] = {preset: [] for preset, _ in contenders}
    for (preset, threads), signatures in times.items():
        for signature, values in signatures.items():
            p50, p95 = (float(q) for q in np.quantile(values, (0.5, 0.95)))
            results[preset].append(
                {
                    "signature": signature,
                    "threads": threads,
                    "calls": len(values),
                    "p50_ms": p50,
                    "p95_ms": p95,
                }
            )
    return results


def _loaded(path: str) -> Any:
    """Return a module by its path."""
    specification = importlib.util.spec_from_file_location("runtime", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is no module of Python.")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main(source: str, target: str) -> None:
    """Do the task in the file `source`, and write the result to `target`."""
    task = json.loads(Path(source).read_text("utf-8"))
    inputs: dict[str, dict[str, np.ndarray]] = {}
    with np.load(task["inputs"], allow_pickle=False) as arrays:
        for key, value in arrays.items():
            signature, name = key.split("/")
            inputs.setdefault(signature, {})[name] = value
    measure = {"memory": _memory, "latency": _latency}[task["what"]]
    result = measure(_loaded(task["runtime"]), task, inputs)
    Path(target).write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
