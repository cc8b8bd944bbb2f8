"""A folder that holds everything a decoder needs on its way: files, facts, proof, a picture.

SHA256SUMS           a digest for every other file; checked before anything is parsed
manifest.json        what is inside (schema 1, described in docs/bundle.md)
model-PRESET.tflite  one file for each preset, with all the signatures it can hold
golden.npz           inputs and Keras' outputs, to repeat the check anywhere
runtime.py           runs the files on numpy and ai-edge-litert alone
README.md            the model card, with the pictures beside it
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kvae import files, pictures
from kvae._version import __version__
from kvae.diagnosis import LatentReport, diagnose
from kvae.evaluation import LatentAxis, latent_axes

from .. import runtime
from ..formats.tflite import FULL_INT8, tflite
from ..presets import preset as find_preset
from ..result import ExportResult
from ..signatures import SIGNATURES, find
from ..subject import exportable
from ..verification import litert
from ..verification.compare import Measured, in_child, measure, without_batch_size
from ..verification.probe import Probe, stand_in
from .card import card
from .machine import machine

__all__ = ["bundle", "verify"]

PICTURE_DPI = 120
STAND_INS = 1_000
DIAGNOSED = 2_000
LEAST_DIAGNOSED = 50


def bundle(
    vae: Any,
    path: Any,
    *,
    data: Any = None,
    presets: Sequence[str] = ("float32", "int8"),
    signatures: Sequence[str] = SIGNATURES,
    batch_sizes: Sequence[int] = (1,),
    preprocessing: str = "",
    overwrite: bool = False,
) -> dict[str, ExportResult]:
    """Write a bundle: a `.tflite` file for each preset, checked, with all that belongs to it.

    Args:
        vae: a built `kvae.VAE`.
        path: folder to be.
        data: examples, (examples, *event_shape), held out if possible: they rank the latent axes,
            give their safe ranges, are diagnosed, and are what the check encodes. Without any,
            1,000 decoded draws from the prior stand in, and there is no diagnosis.
        presets: precisions, see `tflite`; "int8-full" carries `decode` alone.
        signatures: see `tflite`.
        batch_sizes: see `tflite`; 1 has to be among them. Another one (256, say) serves
            `kvae.export.beam`, which runs the largest that it has rows for.
        preprocessing: a sentence on what was done to raw data, for the manifest.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The measured `ExportResult` of each preset.

    Raises:
        ExportError: If a file strays further from Keras than its preset allows; nothing is left
            at `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ValueError: If an argument is not of the form above.

    Example:
        >>> results = kvae.export.bundle(vae, folder / "bundle", data=x_test, presets=["float32"])
        >>> results["float32"].max_error < 1e-5
        True
    """
    vae = exportable(vae)
    target = Path(path) if overwrite else files.vacant(path)
    for name in presets:
        find_preset(name)
    if not presets or "decode" not in signatures:
        raise ValueError(
            "Expected at least one preset, and 'decode' among the signatures. Received: "
            f"presets={list(presets)}, signatures={list(signatures)}"
        )
    if 1 not in batch_sizes:
        raise ValueError(f"Expected 1 among batch_sizes. Received: batch_sizes={batch_sizes}")
    given = data is not None
    data = vae.named_inputs().check_x(data) if given else stand_in(vae, STAND_INS)
    probe = Probe.of(vae, find(vae.float32_copy(), signatures), data)
    axes = latent_axes(vae, data)
    report = diagnose(vae, data[:DIAGNOSED]) if given and len(data) >= LEAST_DIAGNOSED else None
    results = {}
    with files.replacing(target) as folder:
        folder.mkdir()
        for name in presets:
            kept = [s for s in signatures if s in FULL_INT8] if name == "int8-full" else signatures
            results[name] = tflite(
                vae,
                folder / f"model-{name}.tflite",
                preset=name,
                signatures=kept,
                batch_sizes=batch_sizes,
                data=data,
            )
        manifest = _manifest(vae, results, axes, report, preprocessing)
        manifest["examples"] = {"count": len(data), "source": "given" if given else "prior draws"}
        (folder / "golden.npz").write_bytes(_golden(probe))
        (folder / "runtime.py").write_bytes(Path(runtime.__file__).read_bytes())
        drawn = _draw(vae, data, folder)
        (folder / "README.md").write_text(card(manifest, drawn), "utf-8")
        manifest["sha256"] = {
            name: hashlib.sha256(content).hexdigest() for name, content in _content(folder).items()
        }
        written = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
        (folder / "manifest.json").write_text(written, "utf-8")
        sums = runtime.sums_of(_content(folder))
        (folder / runtime.SUMS).write_text(sums, "ascii", newline="\n")
    return {name: replace(r, path=target / r.path.name) for name, r in results.items()}


def verify(path: Any) -> dict[str, dict[str, dict[str, Measured]]]:
    """Repeat the check of a bundle from the bundle alone, on its golden vectors.

    Args:
        path: folder of the bundle.

    Returns:
        A `Measured` by preset, signature and output.

    Raises:
        BundleError: If the bundle is damaged.
        ExportError: If a file strays further from the golden vectors than its preset allows.

    Example:
        >>> sorted(kvae.export.verify(bundle))
        ['float32']
    """
    decoder = runtime.Decoder(path)
    content = runtime.open_bundle(path)
    golden: dict[str, dict[str, dict[str, np.ndarray]]] = {"inputs": {}, "expected": {}}
    for key, value in decoder.golden().items():
        side, signature, name = key.split("/")
        golden[side].setdefault(signature, {})[name] = value
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for artefact in decoder.manifest["artefacts"]:
            names = {name: without_batch_size(name) for name in artefact["signatures"]}
            file = Path(folder, artefact["file"])
            file.write_bytes(content[artefact["file"]])
            inputs = {name: golden["inputs"][base] for name, base in names.items()}
            expected = {base: golden["expected"][base] for base in names.values()}
            probe = Probe(inputs, expected)
            found, _ = in_child(litert, file, inputs)
            measured[artefact["preset"]] = measure(
                probe, found, find_preset(artefact["preset"]).budget
            )
    return measured


def _content(folder: Path) -> dict[str, bytes]:
    files_in = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files_in}


def _golden(probe: Probe) -> bytes:
    """Return the probe as the content of an .npz file."""
    arrays: dict[str, Any] = {
        f"{side}/{signature}/{name}": value
        for side, table in (("inputs", probe.inputs), ("expected", probe.expected))
        for signature, values in table.items()
        for name, value in values.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _manifest(
    vae: Any,
    results: dict[str, ExportResult],
    axes: tuple[LatentAxis, ...],
    report: LatentReport | None,
    preprocessing: str,
) -> dict[str, Any]:
    likelihood = vae.likelihood_layer
    return {
        "schema": runtime.SCHEMA,
        "kvae": __version__,
        "model": {
            "name": vae.name,
            "latent_dim": vae.latent_dim,
            "event_shape": list(likelihood.event_shape),
            "posterior": type(vae.posterior_layer).__name__,
            "prior": type(vae.prior).__name__,
            "likelihood": type(likelihood).__name__,
            "support": str(likelihood.domain),
            "decoded": likelihood.center_name,
        },
        "preprocessing": preprocessing,
        "artefacts": [
            {
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
                "elbo_change": result.elbo_change,
                "latency_ms": result.latency_ms,
                "runtimes": list(result.runtimes),
            }
            for result in results.values()
        ],
        "machine": {"processor": machine(), "threads": 1},
        "axes": [asdict(axis) for axis in axes],
        "diagnosis": None if report is None else _summary(report),
        "versions": {"keras": keras.__version__},
    }


def _summary(report: LatentReport) -> dict[str, Any]:
    """Return what a diagnosis came to: the verdict, and each number with its standard error."""
    found = report.to_dict()
    return {
        "examples": found["examples"],
        "verdict": found["verdict"],
        "active_units": found["active_units"],
        "numbers": {
            name: {"value": found[name]["value"], "stderr": found[name]["stderr"]}
            for name in ("kl", "mutual_information", "marginal_kl", "mean_rms", "overlap")
        },
    }


def _draw(vae: Any, data: np.ndarray, folder: Path) -> list[str]:
    """Draw what can be drawn of picture-shaped data; return the file names."""
    shape = vae.likelihood_layer.event_shape
    if len(shape) != 3 or shape[-1] not in (1, 3):
        return []
    figures = {
        "samples.png": pictures.samples(vae, rows=4, columns=10),
        "reconstructions.png": pictures.reconstructions(vae, data[:10]),
        "traversals.png": pictures.traversals(vae, data, dimensions=6),
    }
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)
    return list(figures)
