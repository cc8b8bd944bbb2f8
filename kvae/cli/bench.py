"""`kvae bench`: time and memory of a bundle's files on this machine, without TensorFlow."""

import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from kvae import checks, files
from kvae.cli.pretrained import place
from kvae.cli.run_folder import bundle_of
from kvae.cli.terminal import bold, console, plain, quiet_native_logs, say
from kvae.export import runtime
from kvae.export.bundles.devices import save as save_device
from kvae.export.bundles.measure import measure

__all__ = ["bench"]


def bench(path: Path, save: bool, device: str | None, as_json: bool) -> None:
    """Measure every file of a bundle with one row per call, on one and on two threads.

    Args:
        path: folder of the bundle, a run folder that holds one, or pretrained:NAME without `save`.
        save: whether to add the results to the bundle.
        device: name of this machine; by default its description.
        as_json: whether to print JSON.
    """
    if device is not None and not checks.line("--device", device).strip():
        raise ValueError("Expected --device to be a name. Received: an empty text")
    given, path = path, place(path)
    if save and path != given:
        raise ValueError(
            "Expected a bundle of your own with --save. Received: a model of the package; "
            "`kvae pretrained NAME` copies it"
        )
    path = bundle_of(path)
    bundle = runtime.Bundle(path)
    sizes = {each["preset"]: each["size_bytes"] for each in bundle.manifest["artefacts"]}
    if save:
        files.destination(bundle.root, True, "BUNDLE")
    with quiet_native_logs():
        results = measure(path, device)
    if save:
        save_device(path, results)
    if as_json:
        print(json.dumps(results, indent=2))
        return
    console.print(_times(results))
    console.print(_memory(results, sizes))
    if save:
        say(f"The results are in {bold(bundle.root)}.")


def _times(results: dict[str, Any]) -> Table:
    table = Table("signature", "preset", "threads", "median", "95%", title="Time of one call")
    for file in results["files"]:
        for each in file["latency"]:
            table.add_row(
                escape(plain(each["signature"])),
                file["preset"],
                str(each["threads"]),
                f"{each['p50_ms']:.3f} ms",
                f"{each['p95_ms']:.3f} ms",
            )
    table.caption = escape(results["machine"])
    return table


def _memory(results: dict[str, Any], sizes: dict[str, int]) -> Table:
    table = Table("preset", "size", "peak", "before", title="Memory of a process")
    for file in results["files"]:
        table.add_row(
            file["preset"],
            f"{sizes[file['preset']] / 1e6:.2f} MB",
            _megabytes(file["peak_bytes"]),
            _megabytes(file["base_bytes"]),
        )
    return table


def _megabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1e6:.1f} MB"
