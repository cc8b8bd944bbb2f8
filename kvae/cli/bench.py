"""`kvae bench`: latency of the decoders of a bundle on this machine, without TensorFlow."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from kvae.cli.terminal import console, quiet_native_logs
from kvae.export.bundles.machine import machine

__all__ = ["bench", "interleaved"]

THREADS = (1, 2)
ROUNDS = 15
CALLS = 20
WARM_UP = 3  # untimed calls at the start of a turn
PAUSE = 0.05  # seconds before a turn; threads of the last contender spin for milliseconds


def bench(path: Path, as_json: bool) -> None:
    """Time `decode` of every file of a bundle with batch size 1, on one and on two threads."""
    with quiet_native_logs():
        results = _measure(path)
    if as_json:
        print(json.dumps(results, indent=2))
        return
    table = Table(
        "preset", "threads", "size", "median", "quartiles", title="Latency of decode, batch size 1"
    )
    for row in results["decoders"]:
        low, high = row["quartiles_ms"]
        table.add_row(
            row["preset"],
            str(row["threads"]),
            f"{row['size_bytes'] / 1e6:.2f} MB",
            f"{row['median_ms']:.3f} ms",
            f"{low:.3f} to {high:.3f} ms",
        )
    table.caption = results["machine"]
    console.print(table)


def interleaved(
    contenders: dict[Any, Callable[[], Any]], rounds: int = ROUNDS, calls: int = CALLS
) -> dict[Any, np.ndarray]:
    """Time the calls of several functions in alternating turns.

    Changes in the load of the machine then affect all of them. A turn begins with a pause and
    `WARM_UP` untimed calls.

    Args:
        contenders: functions without arguments, by name.
        rounds: number of turns of each function.
        calls: timed calls per turn.

    Returns:
        Times in milliseconds, (rounds * calls,), by name.
    """
    times: dict[Any, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            time.sleep(PAUSE)
            for _ in range(WARM_UP):
                call()
            for _ in range(calls):
                start = time.perf_counter()
                call()
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: np.array(values) for name, values in times.items()}


def _measure(path: Path) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    from kvae.export import runtime

    bundle = runtime.Bundle(path)
    contenders, sizes, interpreters = {}, {}, []
    for artefact in bundle.manifest["artefacts"]:
        preset = artefact["preset"]
        model = bundle.model(preset)
        sizes[preset] = len(model)
        shape = artefact["signatures"]["decode"]["inputs"]["z"]["shape"]
        z = np.random.default_rng(0).normal(size=shape).astype("float32")
        for threads in THREADS:
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreters.append(
                interpreter
            )  # a signature runner does not keep its interpreter alive
            run = interpreter.get_signature_runner("decode")
            contenders[preset, threads] = _call(run, z)
    times = interleaved(contenders)
    return {
        "machine": machine(),
        "calls": ROUNDS * CALLS,
        "decoders": [
            {
                "preset": preset,
                "threads": threads,
                "size_bytes": sizes[preset],
                "median_ms": float(np.median(values)),
                "quartiles_ms": [float(q) for q in np.quantile(values, (0.25, 0.75))],
            }
            for (preset, threads), values in times.items()
        ],
    }


def _call(run: Callable[..., Any], z: np.ndarray) -> Callable[[], Any]:
    def call() -> Any:
        return run(z=z)

    return call
