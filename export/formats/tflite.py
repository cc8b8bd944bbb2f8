"""Keras -> TFLite for phones, browsers and small Linux machines.

`tf.lite.TFLiteConverter` is deprecated upstream in favour of converters for other frameworks, yet
it is the only one that reads TensorFlow graphs: it is named in this module alone. Check before
replacing it: several signatures that share their weights, builtin operations only.
"""

import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks, files
from kvae.layers.scale import without_softplus

from ..conversion.graphs import check_builtin, weights_read
from ..conversion.phases import by_phases
from ..presets import Preset
from ..presets import preset as find_preset
from ..result import ExportError, ExportResult
from ..signatures import ExportModule, describe, find, trace
from ..subject import exportable
from ..verification import litert
from ..verification.compare import in_child, measure
from ..verification.probe import Probe
from .quantization import quantized

__all__ = ["tflite"]

FULL_INT8 = ("decode",)


def tflite(
    vae: Any,
    path: Any,
    *,
    preset: str = "float32",
    signatures: Sequence[str] = ("decode",),
    batch_sizes: Sequence[int] = (1,),
    data: Any = None,
    int8_io: bool = False,
    overwrite: bool = False,
) -> ExportResult:
    """Write a `.tflite` file and check every signature of it against Keras.

    All signatures share one set of weights. The batch of each is static, which is what makes it
    fast: `decode` has a batch of one, and for other `batch_sizes` there is `decode_N`. The
    operations are TFLite's builtin ones, which is what makes it run everywhere.

    Args:
        vae: a built `kvae.VAE`.
        path: file to be.
        preset: "float32", "float16", "int8-weights", "int8" or "int8-full".
        signatures: names out of "decode" (z -> mean and the likelihood's parameters), "encode"
            (x -> mean, stddev), "reconstruct" (x -> mean), "score" (x -> negative ELBO and its
            reconstruction term in nats), "sample" (seed, two int32 -> mean, z), "interpolate" and
            "interpolate_spherical" (z_a, z_b, t -> mean).
        batch_sizes: batch sizes of the signatures; 1 gives the plain name.
        data: examples, (examples, *event_shape), that the check (and the calibration of
            "int8-full") encodes; by default decoded draws from the prior stand in.
        int8_io: whether "int8-full" also takes and gives int8 tensors.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The measured `ExportResult`.

    Raises:
        ExportError: If the model needs operations beyond the builtin ones (those that kvae's own
            distributions need are found before the conversion starts), or if the file, run in
            LiteRT's Interpreter and CompiledModel, yields NaN or strays further from Keras than
            the preset allows. Nothing is left at `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ValueError: If an argument is not of the form above.

    Example:
        >>> result = kvae.export.tflite(vae, folder / "decoder.tflite")
        >>> result.max_error < 1e-5
        True
    """
    vae = exportable(vae)
    chosen = find_preset(preset)
    target = Path(path) if overwrite else files.vacant(path)
    sizes = [checks.positive_int("batch_sizes", size) for size in batch_sizes]
    _check_full_int8(chosen, signatures, int8_io)
    find(vae, signatures)
    # LiteRT's kernels for transposed convolutions are slow.
    wanted = find(vae.float32_copy(replace=by_phases), signatures)
    with without_softplus():
        traced = {
            name if size == 1 else f"{name}_{size}": (signature, trace(signature, size))
            for signature in wanted
            for name, size in ((signature.name, size) for size in sizes)
        }
    functions = {key: function for key, (_, function) in traced.items()}
    check_builtin(vae, functions)
    # Compared with the networks as they are.
    probe = Probe.of(vae, find(vae.float32_copy(), signatures), data)
    inputs = {key: probe.inputs[signature.name] for key, (signature, _) in traced.items()}
    module = ExportModule(functions.values())
    content = _convert(module, functions, chosen, inputs, int8_io)
    least = weights_read(functions.values()) * chosen.weight_bytes // 4
    if len(content) < least:
        raise ExportError(
            f"The converted file has {len(content)} bytes; its weights alone need {least}: the "
            "converter has lost some of them."
        )
    with files.replacing(target) as temporary:
        temporary.write_bytes(content)
        results, latencies = in_child(litert, temporary, inputs)
        measured = measure(probe, results, chosen.budget)
    return ExportResult(
        format="tflite",
        preset=preset,
        path=target,
        size_bytes=len(content),
        weight_bytes=module.weight_bytes,
        signatures={key: describe(f) for key, (_, f) in traced.items()},
        measured=measured,
        latency_ms=latencies,
        runtimes=tuple(sorted({key.split("/")[0] for key in results})),
    )


def _check_full_int8(chosen: Preset, signatures: Sequence[str], int8_io: bool) -> None:
    full = chosen.name == "int8-full"
    beyond = [name for name in signatures if name not in FULL_INT8]
    if full and beyond:
        raise ValueError(
            f"Expected signatures out of {', '.join(FULL_INT8)} for the preset 'int8-full': the "
            "latent codes, random numbers and logarithms of the others do not fit into int8. "
            f"Received: {', '.join(beyond)}"
        )
    if int8_io and not full:
        raise ValueError(f"int8_io goes with preset='int8-full'. Received: preset={chosen.name!r}")


def _convert(
    module: ExportModule,
    functions: dict[str, Any],
    chosen: Preset,
    inputs: dict[str, dict[str, np.ndarray]],
    int8_io: bool,
) -> bytes:
    """Return the flatbuffer of `functions`, with TFLite's builtin operations only."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "module"))
        tf.saved_model.save(module, path, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(path, signature_keys=list(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if chosen.name == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        if chosen.name == "int8-full":
            # The converter's calibrator keeps the true minimum and maximum of every tensor.
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: _calibration(inputs)
            if int8_io:
                converter.inference_input_type = tf.int8
                converter.inference_output_type = tf.int8
        try:
            with warnings.catch_warnings():
                # The calibrator makes a tf.lite.Interpreter, which calls itself deprecated.
                warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
                content = converter.convert()
        except Exception as error:  # the converter raises its own class and bare RuntimeErrors
            beyond = re.findall(r"^(?:TF Select|Custom) ops: (.+)$", str(error), re.MULTILINE)
            raise ExportError(
                f"The signatures {', '.join(functions)} do not convert to TFLite's builtin "
                "operations: "
                + (f"they need {', '.join(beyond)}" if beyond else str(error).strip()[:300])
            ) from error
    if chosen.name in ("int8", "int8-weights"):
        content = quantized(content, chosen.name, module.weight_sizes)
    return content


def _calibration(inputs: dict[str, dict[str, np.ndarray]]) -> Iterator[tuple[str, Any]]:
    """Yield every probe row of every signature: prior and posterior z alike."""
    for key, values in inputs.items():
        for row in range(len(next(iter(values.values())))):
            yield key, {name: value[row : row + 1] for name, value in values.items()}
