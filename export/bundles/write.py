"""A folder that holds everything a model needs on its way: files, facts, proof, a picture.

SHA256SUMS           a digest for every other file; checked before anything is parsed
manifest.json        what is inside (schema 2, described in docs/bundle.md)
model-PRESET.tflite  one file for each preset, with all the signatures it can hold
golden.npz           inputs and Keras' outputs, to repeat the check anywhere
codes.npy            the codes of the examples, if there are any, for a map of the latent space
domain.tsv           the values that the inputs may have, for clients that read no JSON
decision.tsv         the thresholds for these, of a bundle that was calibrated
model.keras          the model itself, where it was asked for
runtime.py           runs the files on numpy and ai-edge-litert alone
README.md            the model card, with the pictures beside it
"""

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kvae import checks, files
from kvae.data import TableSchema
from kvae.diagnosis import LatentReport, diagnose
from kvae.evaluation import LatentAxis, latent_axes
from kvae.evaluation.gaussian_vector import one_gaussian_vector
from kvae.progress import progress

from .. import runtime
from ..conversion.graph import Graph
from ..formats.tflite import write_checked
from ..presets import preset as find_preset
from ..result import ExportError, ExportResult, ToleranceError
from ..signatures import find
from ..subject import to_export
from ..training.plan import Plan, plan_of
from ..verification.compare import Tolerance, check_tolerance
from ..verification.probe import examples_of, reference_of
from ..verification.reference import Reference
from .codes import CODES, MOST_CODES, codes_of, npy
from .decision import calibrated, calibration_rows
from .figures import draw, packed
from .keras_file import KERAS_FILE, keras_file
from .manifest import manifest_of
from .measure import BRIEF
from .measure import measure as measured
from .origin import date
from .seal import seal

__all__ = ["bundle"]

STAND_INS = 1_000
DIAGNOSED = 2_000
LEAST_DIAGNOSED = 50
# The golden vectors take no more than this, or a tenth of the largest file, unless told otherwise.
GOLDEN_BYTES = 2**20
# 2**18 is what the file of the golden vectors holds beside them, at most.
MOST_GOLDEN = runtime.GOLDEN_BYTES - 2**18


def bundle(
    vae: Any,
    path: Any,
    *,
    data: Any = None,
    presets: Sequence[str] = ("float32", "int8"),
    signatures: Sequence[str] | None = None,
    batch_sizes: Sequence[int] = (1,),
    tolerance: Mapping[str, Tolerance] | None = None,
    description: str = "",
    author: str = "",
    licence: str = "",
    training_data: str = "",
    preprocessing: str = "",
    calibration: Any = None,
    false_alarm_rate: float = 0.01,
    two_sided: bool = False,
    schema: TableSchema | None = None,
    channels: Sequence[str] | None = None,
    trainable: str | None = None,
    optimizer: Any = "adam",
    training_batch_size: int = 16,
    keras: bool = False,
    golden_bytes: int = GOLDEN_BYTES,
    codes: int = MOST_CODES,
    measure: bool = True,
    overwrite: bool = False,
) -> dict[str, ExportResult]:
    """Write a bundle: a `.tflite` file for each preset, checked, with all that belongs to it.

    The model is traced, converted and run in Keras once for all presets. A preset that is farther
    from Keras than allowed is left out with a warning; the manifest says why.

    Args:
        vae: a built `kvae.VAE` or another `kvae.models.LatentModel`.
        path: folder to be.
        data: examples, (examples, *event_shape), or a dict of arrays by input, held out if
            possible: they rank the latent axes, give their safe ranges, are diagnosed, and are what
            the check encodes. Without any, 1,000 decoded draws from the prior stand in, and there
            is no diagnosis. Axes and diagnosis are those of one latent vector: a model with
            several latent groups has neither.
        presets: precisions, see `tflite`; "int8-full" carries `decode` alone. Where none is named
            on the device, float32 runs if the bundle scores, else int8, of those there are.
        signatures: see `tflite`; by default all that the model has.
        batch_sizes: see `tflite`; 1 has to be among them. Another one (256, say) serves
            `kvae.export.beam` and long arrays, which run the largest that they have rows for.
        tolerance: how far a preset may be from Keras, by preset, in place of its own.
        description: a sentence on the model. This and the next four are for the manifest and the
            card; each is one line of text, or empty.
        author: who made it.
        licence: of the model, as an SPDX expression such as "CC-BY-4.0".
        training_data: a sentence on what it was trained on.
        preprocessing: a sentence on what was done to raw data.
        calibration: normal rows that the model was not trained on, as `data`. By the scores that
            each file gives them its threshold is set (split-conformal, see
            `kvae.estimators.Calibration`), and the manifest holds threshold and scores. Needs
            the signature `score`.
        false_alarm_rate: wanted rate of false alarms, in (0, 1).
        two_sided: whether a score that is too low is an anomaly too.
        schema: of a table whose rows, as `schema.to_array` makes them, are the examples. The
            manifest holds it, so that `kvae score` reads tables and clients show names, classes and
            dates. It holds the classes of each column, and no rows.
        channels: of a series, the names of the last axis of x in their order: clients show them,
            and the page of `kvae web` finds the columns of a file by them.
        trainable: which weights a device can train further, see `tflite`: in the float32 file,
            whose scores are then those of what it has learned. The other presets do not change.
        optimizer: see `tflite`.
        training_batch_size: see `tflite`.
        keras: whether the model itself is part of the bundle as model.keras, without its optimizer:
            to be trained further and explored, with a digest as every other file. One with Lambda
            layers is loaded by `keras.saving.load_model(..., safe_mode=False)`.
        golden_bytes: what the golden vectors may take, or a tenth of the largest file if that is
            more; of every signature at least two rows are kept.
        codes: how many codes of given examples are kept at most, for a map of the latent space;
            fewer where they would take more than 200,000 bytes. 0 for none.
        measure: whether to measure time and memory of every file on this machine. Without, and
            with the variable SOURCE_DATE_EPOCH set, the same model gives the same bytes.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The measured `ExportResult` of each preset that is in the bundle.

    Raises:
        ExportError: If no preset is as near to Keras as allowed; nothing is left at `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ValueError: If an argument is not of the form above.

    Example:
        >>> results = kvae.export.bundle(vae, folder / "bundle", data=x_test, presets=["float32"])
        >>> results["float32"].max_error < 1e-5
        True
    """
    vae = to_export(vae)
    facts = {
        "description": description,
        "author": author,
        "licence": licence,
        "training_data": training_data,
        "preprocessing": preprocessing,
    }
    facts = {name: checks.line(name, value) for name, value in facts.items()} | {"date": date()}
    target = files.destination(path, overwrite)
    chosen = [find_preset(name) for name in checks.names("presets", presets)]
    sizes = checks.positive_ints("batch_sizes", batch_sizes)
    known = [signature.name for signature in vae.signatures()]
    names = checks.names("signatures", known if signatures is None else signatures)
    find(vae, names)
    chosen = [preset for preset in chosen if preset.held(names)]
    if not isinstance(tolerance or {}, Mapping):
        raise ValueError(
            "Expected tolerance to be a dict of kvae.export.Tolerance by preset. Received: "
            f"tolerance={tolerance!r}"
        )
    tolerances = dict(tolerance or {})
    for name, each in tolerances.items():
        checks.choice("tolerance", name, [preset.name for preset in chosen])
        check_tolerance(f"tolerance[{name!r}]", each)
    tolerances = {preset.name: preset.tolerance for preset in chosen} | tolerances
    if not chosen:
        raise ValueError(
            "Expected at least one signature and one preset that holds it. Received: "
            f"presets={list(presets)}, signatures={names}"
        )
    if 1 not in sizes:
        raise ValueError(f"Expected 1 among batch_sizes. Received: batch_sizes={batch_sizes}")
    if calibration is not None and "score" not in names:
        raise ValueError(
            "Expected the signature 'score', for thresholds on it. Received: "
            f"signatures={names}, calibration=..."
        )
    if calibration is not None:
        scoring = [preset for preset in chosen if "score" in preset.held(names)]
        if not scoring:
            raise ValueError(
                "Expected a preset that holds 'score', for thresholds on it. Received: "
                f"presets={[preset.name for preset in chosen]}"
            )
        calibration = calibration_rows(calibration, vae, len(scoring), bool(two_sided))
    rate = checks.rate("false_alarm_rate", false_alarm_rate)
    if checks.positive_int("golden_bytes", golden_bytes) > MOST_GOLDEN:
        raise ValueError(
            f"Expected golden_bytes to be at most {MOST_GOLDEN}, more are not read. "
            f"Received: golden_bytes={golden_bytes}"
        )
    codes = checks.non_negative_int("codes", codes)
    table = None if schema is None else _table(schema, vae)
    channels = None if channels is None else _channels(channels, vae)
    plan = plan_of(trainable, optimizer, training_batch_size, [each.name for each in chosen])
    model_file = keras_file(vae, facts["date"]) if keras else None
    given = data is not None
    examples = examples_of(vae, vae.signatures(), data, STAND_INS)
    results: dict[str, ExportResult] = {}
    refused: dict[str, ExportError] = {}
    with progress("Exporting", 4 + len(chosen) + measure) as begin:
        begin("reference outputs")
        float32 = vae.float32_copy()
        reference = reference_of(float32, find(float32, names), examples, vae)
        _check_size(reference)
        begin("diagnosis")
        axes, report = _analysed(vae, examples, given)
        begin("tracing")
        with contextlib.ExitStack() as stack, files.replacing(target, overwrite) as folder:
            graphs = _graphs(vae, names, sizes, [preset.name for preset in chosen], plan, stack)
            folder.mkdir()
            for preset in chosen:
                begin(preset.name)
                file = folder / f"model-{preset.name}.tflite"
                try:
                    results[preset.name] = write_checked(
                        graphs[preset.name],
                        reference,
                        preset,
                        file,
                        tolerances[preset.name],
                        examples=examples,
                    )
                except ExportError as error:
                    refused[preset.name] = error
            if not results:
                raise ExportError(" ".join(f"{name}: {why}" for name, why in refused.items()))
            begin("manifest and pictures")
            reasons = {name: str(why) for name, why in refused.items()}
            manifest = manifest_of(
                vae, results, tolerances, reasons, axes, report, facts, examples, given
            )
            manifest |= {"table": table, "channels": channels}
            kept = codes_of(vae, examples, codes) if codes and given and axes else None
            if kept is not None:
                (folder / CODES).write_bytes(npy(kept))
            manifest["codes"] = None if kept is None else len(kept)
            _write_others(reference, folder, manifest, golden_bytes)
            if model_file is not None:
                (folder / KERAS_FILE).write_bytes(model_file)
            draw(vae, examples, bool(axes), folder, table is not None)
            seal(folder, manifest, target.name)
            if calibration is not None:
                manifest = calibrated(folder, manifest, calibration, rate, bool(two_sided))
                seal(folder, manifest, target.name)
            if measure:
                begin("time and memory")
                device = measured(folder, effort=BRIEF)
                seal(folder, {**manifest, "devices": [device]}, target.name)
                results = {name: _timed(result, device) for name, result in results.items()}
            written = runtime.Bundle(folder)  # what clients would refuse is refused here
            _ = written.manifest, written.golden()
    for name, why in refused.items():
        advice = ""
        if isinstance(why, ToleranceError):
            advice = (
                f" To allow it, pass tolerance={{{name!r}: kvae.export.Tolerance(...)}}, or on the "
                f"command line --tolerance {name}:NAME=NUMBER."
            )
        warnings.warn(
            f"The bundle is written without the preset {name!r}. {why}{advice}", stacklevel=2
        )
    return {name: replace(r, path=target / r.path.name) for name, r in results.items()}


def _channels(names: Any, vae: Any) -> list[str]:
    """Return the names of the last axis of x, or raise unless there is one for each channel."""
    shape = tuple(vae.input_specs()["x"].shape)
    names = [checks.line("channels", name).strip() for name in checks.names("channels", names)]
    if len(shape) != 2 or len(names) != shape[-1] or not all(names):
        raise ValueError(
            "Expected channels to name the last axis of a series (time, channels). Received: "
            f"{names} for examples of shape {shape}"
        )
    return names


def _table(schema: Any, vae: Any) -> dict[str, Any]:
    """Return the configuration of a schema, or raise unless it is one of the model's examples."""
    shape = tuple(vae.input_specs()["x"].shape)
    if not isinstance(schema, TableSchema) or schema.event_shape != shape:
        found = schema.event_shape if isinstance(schema, TableSchema) else type(schema).__name__
        raise ValueError(
            f"Expected schema to be a kvae.data.TableSchema of rows of shape {shape}. Received: "
            f"{found}"
        )
    return schema.get_config()


def _graphs(
    vae: Any,
    names: Sequence[str],
    sizes: Sequence[int],
    presets: Sequence[str],
    plan: Plan | None,
    stack: contextlib.ExitStack,
) -> dict[str, Graph]:
    """Return the graph that each preset's file is made of: one for all that do not train."""
    trains = {"float32"} if plan is not None else set()
    graphs = {name: stack.enter_context(Graph(vae, names, sizes, plan)) for name in trains}
    others = [name for name in presets if name not in trains]
    plain = stack.enter_context(Graph(vae, names, sizes)) if others else None
    return {**dict.fromkeys(others, plain), **graphs}  # type: ignore[dict-item]


def _analysed(
    model: Any, examples: Mapping[str, np.ndarray], given: bool
) -> tuple[tuple[LatentAxis, ...], LatentReport | None]:
    """Return the latent axes and the diagnosis; neither of a model that has no such vector."""
    try:
        one_gaussian_vector(model)
    except ValueError:
        return (), None
    complete = examples
    if model.named_inputs().domain("x").describe().get("missing"):
        # A diagnosis compares whole examples; NaN stands for what is missing.
        whole = ~np.isnan(examples["x"]).reshape(len(examples["x"]), -1).any(axis=1)
        complete = {name: array[whole] for name, array in examples.items()}
    axes: tuple[LatentAxis, ...] = ()
    missing, report = "latent axes", None
    try:
        axes = latent_axes(model, packed(examples, len(examples["x"])))
        missing = "a diagnosis"
        if given and len(complete["x"]) >= LEAST_DIAGNOSED:
            report = diagnose(model, packed(complete, DIAGNOSED))
    except ValueError as error:
        if set(examples) == {"x"}:
            raise
        # Not every analysis takes inputs beside x.
        warnings.warn(f"The bundle is written without {missing}. {error}", stacklevel=3)
    return axes, report


def _write_others(
    reference: Reference, folder: Path, manifest: dict[str, Any], golden_bytes: int
) -> None:
    """Write the golden vectors and the runtime."""
    largest = max(artefact["size_bytes"] for artefact in manifest["artefacts"])
    golden = reference.thinned(min(max(golden_bytes, largest // 10), MOST_GOLDEN))
    (folder / "golden.npz").write_bytes(_npz(golden))
    (folder / "runtime.py").write_bytes(Path(runtime.__file__).read_bytes())


def _check_size(reference: Reference) -> None:
    """Raise where clients would read no golden vectors of the fewest rows, for their size."""
    least = reference.thinned(0).nbytes
    if least > MOST_GOLDEN:
        raise ValueError(
            f"Expected the golden vectors of two rows to take at most {MOST_GOLDEN} bytes, more are"
            f" not read. Received: {least} bytes for the signatures {list(reference.expected)}. "
            "Name fewer of them by signatures=."
        )


def _timed(result: ExportResult, device: dict[str, Any]) -> ExportResult:
    """Return a result with the times that were measured last, those that the manifest holds."""
    (latency,) = [f["latency"] for f in device["files"] if f["preset"] == result.preset]
    times = {each["signature"]: each["p50_ms"] for each in latency if each["threads"] == 1}
    return replace(result, latency_ms={**result.latency_ms, **times})


def _npz(reference: Reference) -> bytes:
    """Return a reference as the content of an .npz file, not compressed: its size bounds memory."""
    buffer = io.BytesIO()
    np.savez(buffer, **reference.arrays())  # type: ignore[arg-type]
    return buffer.getvalue()
