"""Repeat the verification of a bundle from the bundle alone; no TensorFlow here."""

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import runtime
from ..key import Key
from ..presets import preset as find_preset
from ..verification import litert
from ..verification.compare import Measured, Tolerance, measure
from ..verification.processes import in_child
from ..verification.reference import Reference

__all__ = ["verify"]


def verify(path: Any) -> dict[str, dict[str, dict[str, Measured]]]:
    """Compare all digests, then the files of a bundle with its golden vectors.

    Args:
        path: folder of the bundle.

    Returns:
        A `Measured` by preset, signature and output.

    Raises:
        BundleError: If the bundle is damaged.
        ExportError: If a file is farther from the golden vectors than the manifest allows.

    Example:
        >>> sorted(kvae.export.verify(bundle))
        ['float32']
    """
    bundle = runtime.Bundle(path)
    bundle.check()
    try:
        golden = Reference.from_arrays(bundle.golden())
    except ValueError as error:
        raise runtime.BundleError(f"golden.npz is damaged: {error}") from None
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for artefact in bundle.manifest["artefacts"]:
            preset = find_preset(artefact["preset"])
            keys = [Key.of(text, about) for text, about in artefact["signatures"].items()]
            lacking = sorted({key.name for key in keys} - golden.inputs.keys())
            if lacking:
                raise runtime.BundleError(f"golden.npz lacks the signatures {lacking}.")
            file = Path(folder, f"{preset.name}.tflite")
            file.write_bytes(bundle.model(preset.name))
            outputs, _ = in_child(litert, file, {key: golden.inputs[key.name] for key in keys})
            held = {key.name for key in keys}
            kept = Reference(
                {name: values for name, values in golden.inputs.items() if name in held},
                {name: values for name, values in golden.expected.items() if name in held},
            )
            measured[preset.name] = measure(kept, outputs, _tolerance(artefact))
    return measured


def _tolerance(artefact: dict[str, Any]) -> Tolerance:
    """Return how far a file was allowed to be from Keras when the bundle was made."""
    return Tolerance(
        **{field.name: artefact["tolerance"][field.name] for field in fields(Tolerance)}
    )
