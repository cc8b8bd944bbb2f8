"""What manifest.json says of a bundle; docs/bundle.md describes it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from kvae._version import __version__
from kvae.diagnosis import LatentReport
from kvae.evaluation import LatentAxis

from .. import runtime
from ..presets import default_preset
from ..result import ExportResult
from ..subject import description
from ..verification.compare import Tolerance
from .origin import EXPORTED_BY, versions

__all__ = ["manifest_of"]


def manifest_of(
    vae: Any,
    results: Mapping[str, ExportResult],
    tolerances: Mapping[str, Tolerance],
    refused: Mapping[str, str],
    axes: tuple[LatentAxis, ...],
    report: LatentReport | None,
    facts: Mapping[str, str],
    examples: Mapping[str, np.ndarray],
    given: bool,
) -> dict[str, Any]:
    """Return the manifest, without the digests of the files.

    Args:
        vae: the `LatentModel`.
        results: the exported files by preset.
        tolerances: how far each may be from Keras, by preset.
        refused: why a preset is not in the bundle, by preset.
        axes: the latent dimensions with their safe ranges; none of a model without one vector.
        report: the diagnosis, or None.
        facts: what the author says of the model, and the date; by key of the manifest.
        examples: the examples by input.
        given: whether the examples were given; else they are decoded prior draws.
    """
    model = description(vae)
    names = {name for result in results.values() for name in result.signatures}
    return {
        "schema": runtime.SCHEMA,
        "kvae": __version__,
        "default_preset": default_preset(list(results), sorted(names)),
        "model": model,
        **facts,
        "artefacts": [_artefact(result, tolerances[name]) for name, result in results.items()],
        "refused": dict(refused),
        "devices": [],
        "axes": [asdict(axis) for axis in axes],
        "examples": {
            "count": len(examples["x"]),
            "source": "given" if given else "prior draws",
            "ranges": {
                name: _ranges(examples.get(name), described["domain"])
                for name, described in model["inputs"].items()
            },
        },
        "diagnosis": None if report is None else _summary(report),
        "versions": versions(EXPORTED_BY),
    }


def _ranges(data: np.ndarray | None, domain: Mapping[str, Any]) -> list[dict[str, float | None]]:
    """Return the least and the greatest value of the examples, of each column where they differ."""
    if data is None:  # codes, which are no part of the examples
        return [{"low": None, "high": None}]
    parts = [data]
    if domain["columns"]:
        widths = [runtime.span(column) for column in domain["columns"]]
        parts = np.split(data, np.cumsum(widths)[:-1], axis=-1)
    return [_extremes(part) for part in parts]


def _extremes(values: np.ndarray) -> dict[str, float | None]:
    """Return the least and the greatest number; NaN stands for what is missing."""
    ends = {"low": np.fmin.reduce(values, axis=None), "high": np.fmax.reduce(values, axis=None)}
    return {name: None if np.isnan(end) else float(end) for name, end in ends.items()}


def _artefact(result: ExportResult, tolerance: Tolerance) -> dict[str, Any]:
    return {
        "file": result.path.name,
        "format": result.format,
        "preset": result.preset,
        "size_bytes": result.size_bytes,
        "weight_bytes": result.weight_bytes,
        "signatures": result.signatures,
        "measured": {
            signature: {output: asdict(value) for output, value in outputs.items()}
            for signature, outputs in result.measured.items()
        },
        "tolerance": asdict(tolerance),
        "elbo_change": result.elbo_change,
        "runtimes": list(result.runtimes),
        **({} if result.training is None else {"training": result.training}),
    }


def _summary(report: LatentReport) -> dict[str, Any]:
    """Return what a diagnosis came to: the verdict, and each number with its standard error."""
    found = report.to_dict()
    return {
        "examples": found["examples"],
        "verdict": found["verdict"],
        "findings": [
            {key: finding[key] for key in ("name", "sentence", "advice")}
            for finding in found["findings"]
        ],
        "active_units": found["active_units"],
        "numbers": {
            name: {"value": found[name]["value"], "stderr": found[name]["stderr"]}
            for name in ("kl", "mutual_information", "marginal_kl", "mean_rms", "overlap")
        },
    }
