"""Time and memory of the files of a bundle on this machine; no TensorFlow here."""

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .. import runtime
from ..verification.processes import run_script
from . import measure_process
from .machine import machine
from .origin import RUN_BY, date, versions

__all__ = ["BRIEF", "THOROUGH", "measure", "thread_counts"]

THREADS = (1, 2)
# Of a bundle that is written, and of `kvae bench`; see `measure_process.interleaved`.
BRIEF = {"rounds": 1, "calls": 40, "seconds": 0.02}
THOROUGH = {"rounds": 10, "calls": 20, "seconds": 0.05}


def thread_counts() -> list[int]:
    """Return the numbers of threads that times are measured with: 1 and 2, if there are 2 cores.

    Example:
        >>> from kvae.export.bundles.measure import thread_counts
        >>> thread_counts()[0]
        1
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return [threads for threads in THREADS if threads <= max(cores, 1)]


def measure(
    path: Path, name: str | None = None, effort: Mapping[str, Any] = THOROUGH
) -> dict[str, Any]:
    """Measure all files of a bundle; return an entry of `devices`, see docs/bundle.md.

    One process times all files. For the memory, each file is loaded by a process of its own.

    Args:
        path: folder of the bundle.
        name: name of the device; by default the description of this machine.
        effort: `BRIEF` or `THOROUGH`.

    Raises:
        BundleError: If the bundle is damaged.
        ExportError: If a file does not run.
    """
    bundle = runtime.Bundle(path)
    presets = [artefact["preset"] for artefact in bundle.manifest["artefacts"]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.savez(folder / "inputs.npz", **_inputs(bundle))  # type: ignore[arg-type]
        task: dict[str, Any] = {
            "runtime": runtime.__file__,
            "bundle": str(bundle.root),
            "inputs": str(folder / "inputs.npz"),
        }
        tasks = [{**task, "what": "memory", "preset": preset} for preset in presets]
        # At once: what a process takes does not depend on the others.
        with ThreadPoolExecutor(THREADS[-1]) as pool:
            memory = list(pool.map(lambda each: _run(folder, each["preset"], each), tasks))
        task = {**task, "what": "latency", "threads": thread_counts(), **effort}
        latency = _run(folder, "latency", task)
    return {
        "name": machine() if name is None else name,
        "machine": machine(),
        "date": date(),
        "versions": versions(RUN_BY),
        "files": [
            {"preset": preset, **taken, "latency": latency[preset]}
            for preset, taken in zip(presets, memory, strict=True)
        ],
    }


def _run(folder: Path, name: str, task: dict[str, Any]) -> Any:
    """Run `measure_process` on a task and return its result."""
    source, target = folder / f"{name}-task.json", folder / f"{name}-result.json"
    source.write_text(json.dumps(task), "utf-8")
    run_script(measure_process, [source, target], f"bundle {Path(task['bundle']).name}")
    return json.loads(target.read_text("utf-8"))


def _inputs(bundle: runtime.Bundle) -> dict[str, np.ndarray]:
    """Return one row of the golden vectors for each input of each signature of one row."""
    golden, rows = bundle.golden(), {}
    for artefact in bundle.manifest["artefacts"]:
        for signature, described in artefact["signatures"].items():
            for name, port in described["inputs"].items():
                key = f"inputs/{signature}/{name}"
                if port["shape"][:1] != [1]:
                    continue
                if key not in golden:
                    raise runtime.BundleError(f"golden.npz lacks {key}.")
                rows[f"{signature}/{name}"] = golden[key][:1]
    return rows
