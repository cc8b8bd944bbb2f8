"""Keras -> SavedModel for servers."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from kvae import checks, files

from ..key import Key
from ..presets import PRESETS
from ..result import ExportResult
from ..runtime import SCHEMA
from ..signatures import ExportModule, describe, find, main_signature, trace
from ..subject import description, to_export
from ..verification import fresh_process
from ..verification.compare import measure
from ..verification.probe import reference_of
from ..verification.processes import in_child, in_session
from .warmup import write_warmup

__all__ = ["saved_model"]

DESCRIPTION = "assets.extra/model.json"


def saved_model(
    vae: Any,
    path: Any,
    *,
    signatures: Sequence[str] | None = None,
    data: Any = None,
    overwrite: bool = False,
) -> ExportResult:
    """Write a SavedModel with all signatures, any batch size, and check each against Keras.

    `serving_default` is `decode`, or the first of the signatures. Inputs and outputs are named;
    variables are written once. `assets.extra/model.json` describes the model, with the domains of
    its inputs.

    Args:
        vae: a built `kvae.VAE` or another `kvae.models.LatentModel`.
        path: folder to be. A name that is a number, as TensorFlow Serving wants it
            ("serving/1"), may stand in a folder that does not exist yet.
        signatures: names as for `tflite`; by default all that the model has.
        data: examples that the check encodes, see `tflite`.
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
    vae = to_export(vae)
    if signatures is None:
        signatures = [signature.name for signature in vae.signatures()]
    signatures = checks.names("signatures", signatures)
    find(vae, signatures)
    main = main_signature(signatures)
    target = _destination(Path(path), overwrite)
    float32 = vae.float32_copy()
    wanted = find(float32, signatures)
    functions = {signature.name: trace(signature, None) for signature in wanted}
    module = ExportModule(functions.values())
    reference = reference_of(float32, wanted, data, vae)
    inputs = {Key(name, None): values for name, values in reference.inputs.items()}
    with _replacing(target, overwrite) as temporary:
        served = {**functions, "serving_default": functions[main]}
        tf.saved_model.save(module, str(temporary), signatures=served)
        first = {
            name: {key: value[:1] for key, value in values.items()}
            for name, values in reference.inputs.items()
        }
        write_warmup(temporary, {**first, "serving_default": first[main]})
        described = {"schema": SCHEMA, **description(vae)}
        text = json.dumps(described, indent=2, allow_nan=False) + "\n"
        (temporary / DESCRIPTION).write_text(text, "utf-8")
        outputs, latencies = in_child(fresh_process, temporary, inputs)
        outputs += in_session(temporary, inputs)
        measured = measure(reference, outputs, PRESETS["float32"].tolerance)
    return ExportResult(
        format="saved_model",
        preset="float32",
        path=target,
        size_bytes=sum(file.stat().st_size for file in target.rglob("*") if file.is_file()),
        weight_bytes=module.weight_bytes,
        signatures={name: describe(function) for name, function in functions.items()},
        measured=measured,
        latency_ms=latencies,
        runtimes=tuple(sorted({output.runtime for output in outputs})),
    )


def _destination(target: Path, overwrite: bool) -> Path:
    """Return `target`, checked; the folder of a numbered one may be still to be made."""
    folder = target.parent
    if not target.name.isdigit() or folder.exists() or not folder.parent.is_dir():
        return files.destination(target, overwrite)
    files.check_name(target, "path")
    files.destination(folder, True)
    return target


@contextlib.contextmanager
def _replacing(target: Path, overwrite: bool) -> Iterator[Path]:
    """As `files.replacing`, with a folder to write to; the folder of versions is made if needed.

    On an error the folder of versions that was made is removed again, unless another version is
    there or is being written. An export that finds it gone makes it again.
    """
    numbered = target.name.isdigit()
    makes = numbered and not target.parent.exists()
    try:
        with files.replacing(target, overwrite) as temporary:
            temporary.mkdir(parents=numbered)
            yield temporary
    except BaseException:
        if makes:
            with contextlib.suppress(OSError):  # it is not empty
                target.parent.rmdir()
        raise
