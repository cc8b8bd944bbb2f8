"""Keras -> SavedModel for servers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from kvae import files

from ..presets import PRESETS
from ..result import ExportResult
from ..signatures import ExportModule, describe, find, trace
from ..subject import exportable
from ..verification import fresh_process
from ..verification.compare import in_child, in_session, measure
from ..verification.probe import Probe
from .warmup import write_warmup

__all__ = ["saved_model"]


def saved_model(
    vae: Any,
    path: Any,
    *,
    signatures: Sequence[str] | None = None,
    data: Any = None,
    overwrite: bool = False,
) -> ExportResult:
    """Write a SavedModel with all signatures, any batch size, and check each against Keras.

    `serving_default` is `decode`. Inputs and outputs are named; variables are written once.

    Args:
        vae: a built `kvae.VAE`.
        path: folder to be. A name that is a number, as TensorFlow Serving wants it
            ("serving/1"), may stand in a folder that does not exist yet.
        signatures: names as for `tflite`; by default all that the model has.
        data: examples, (examples, *event_shape), that the check encodes; by default decoded draws
            from the prior stand in.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The measured `ExportResult`.

    Raises:
        ExportError: If the artefact does not load in a v1 Session and in a process without keras
            and kvae, yields NaN, or differs from Keras by more than 1e-5. Nothing is left at
            `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ValueError: If an argument is not of the form above.

    Example:
        >>> result = kvae.export.saved_model(vae, folder / "serving/1")
        >>> result.max_error < 1e-5
        True
    """
    vae = exportable(vae)
    if signatures is None:
        signatures = [signature.name for signature in vae.signatures()]
    if "decode" not in signatures:
        raise ValueError(
            "Expected signatures to hold 'decode', which is what serving_default stands for. "
            f"Received: signatures={signatures!r}"
        )
    target = Path(path)
    if target.name.isdigit() and target.parent.parent.is_dir():
        target.parent.mkdir(exist_ok=True)
    target = target if overwrite else files.vacant(target)
    wanted = find(vae.float32_copy(), signatures)
    functions = {signature.name: trace(signature, None) for signature in wanted}
    module = ExportModule(functions.values())
    probe = Probe.of(vae, wanted, data)
    with files.replacing(target) as temporary:
        served = {**functions, "serving_default": functions["decode"]}
        tf.saved_model.save(module, str(temporary), signatures=served)
        first = {
            name: {key: value[:1] for key, value in values.items()}
            for name, values in probe.inputs.items()
        }
        write_warmup(temporary, {**first, "serving_default": first["decode"]})
        results, latencies = in_child(fresh_process, temporary, probe.inputs)
        results.update(in_session(temporary, probe.inputs))
        measured = measure(probe, results, PRESETS["float32"].budget)
    return ExportResult(
        format="saved_model",
        preset="float32",
        path=target,
        size_bytes=sum(file.stat().st_size for file in target.rglob("*") if file.is_file()),
        weight_bytes=module.weight_bytes,
        signatures={name: describe(function) for name, function in functions.items()},
        measured=measured,
        latency_ms=latencies,
        runtimes=tuple(sorted({key.split("/")[0] for key in results})),
    )
