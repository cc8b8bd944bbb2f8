"""Keras -> ONNX for ONNX Runtime, OpenVINO and what else reads it."""

from pathlib import Path
from typing import Any

from kvae import checks, files
from kvae.special_functions import builtin_only

from ..conversion.to_onnx import to_onnx
from ..key import Key
from ..presets import PRESETS
from ..result import ExportResult
from ..signatures import ExportModule, describe, find, main_signature, trace
from ..subject import to_export
from ..verification import onnx_runtime
from ..verification.compare import measure
from ..verification.probe import reference_of
from ..verification.processes import in_child

__all__ = ["onnx"]


def onnx(
    vae: Any,
    path: Any,
    *,
    signature: str | None = None,
    batch_size: int | None = None,
    data: Any = None,
    overwrite: bool = False,
) -> ExportResult:
    """Write an ONNX file of one signature and compare it with the model's methods.

    ONNX has no signatures: a file holds one function. It needs no random operations, since `sample`
    takes its seed. The weights are float32, and the operations those of opset 18.

    Args:
        vae: a built `kvae.VAE` or another `kvae.models.LatentModel`.
        path: file to be.
        signature: name as for `tflite`; by default "decode", or where the model has none the first.
        batch_size: rows of one call; None leaves the batch open.
        data: examples that the check encodes, see `tflite`.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The measured `ExportResult`.

    Raises:
        ExportError: If tf2onnx cannot convert an operation of the model, or if the file, run in
            ONNX Runtime in a process of its own, yields NaN or differs from Keras by more than
            1e-5. Nothing is left at `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ImportError: If the extra `onnx` is not installed.
        ValueError: If an argument is not of the form above.

    Example:
        >>> result = kvae.export.onnx(vae, folder / "decode.onnx")
        >>> result.max_error < 1e-5
        True
    """
    vae = to_export(vae)
    if batch_size is not None:
        batch_size = checks.positive_int("batch_size", batch_size)
    target: Path = files.destination(path, overwrite, folder=False)
    if signature is None:
        signature = main_signature([each.name for each in vae.signatures()])
    float32 = vae.float32_copy()
    (wanted,) = find(float32, [signature], "signature")
    # ONNX has no log1p and expm1, and its runtimes differ in softplus.
    with builtin_only():
        function = trace(wanted, batch_size)
    key = Key(signature, batch_size)
    content = to_onnx(function, signature)
    reference = reference_of(float32, [wanted], data, vae)
    with files.replacing(target, overwrite) as temporary:
        temporary.write_bytes(content)
        outputs, latencies = in_child(onnx_runtime, temporary, {key: reference.inputs[signature]})
        measured = measure(reference, outputs, PRESETS["float32"].tolerance)
    return ExportResult(
        format="onnx",
        preset="float32",
        path=target,
        size_bytes=len(content),
        weight_bytes=ExportModule([function]).weight_bytes,
        signatures={str(key): describe(function)},
        measured=measured,
        latency_ms=latencies,
        runtimes=tuple(sorted({output.runtime for output in outputs})),
    )
