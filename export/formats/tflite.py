"""Keras -> TFLite for phones, browsers and small Linux machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kvae import checks, files

from ..conversion.graph import Graph
from ..key import Key
from ..presets import Preset
from ..presets import preset as find_preset
from ..result import ExportError, ExportResult
from ..signatures import find, main_signature
from ..subject import to_export
from ..training.description import described
from ..training.functions import NAMES as TRAINING_NAMES
from ..training.plan import plan_of
from ..verification import litert
from ..verification.compare import Tolerance, check_tolerance, measure
from ..verification.probe import examples_of, reference_of
from ..verification.processes import in_child
from ..verification.reference import Reference
from ..verification.training import checked_training
from .compaction import compacted

__all__ = ["tflite", "write_checked"]


def tflite(
    vae: Any,
    path: Any,
    *,
    preset: str = "float32",
    signatures: Sequence[str] | None = None,
    batch_sizes: Sequence[int] = (1,),
    data: Any = None,
    int8_io: bool = False,
    tolerance: Tolerance | None = None,
    trainable: str | None = None,
    optimizer: Any = "adam",
    training_batch_size: int = 16,
    overwrite: bool = False,
) -> ExportResult:
    """Write a `.tflite` file and compare every signature of it with the model's methods.

    All signatures share one set of weights. The batch of each is static, which is what makes it
    fast: `decode` has a batch of one, and for other `batch_sizes` there is `decode_N`. The
    operations are TFLite's builtin ones, which is what makes it run everywhere.

    Args:
        vae: a built `kvae.VAE` or another `kvae.models.LatentModel`.
        path: file to be.
        preset: "float32", "float16", "int8-weights", "int8" or "int8-full".
        signatures: names of the model's signatures; by default "decode", or where the model has
            none the first. Those of a `kvae.VAE` are "decode" (z -> mean and the likelihood's
            parameters), "encode" (x -> mean, stddev), "reconstruct" (x -> mean), "score" (x -> in
            nats: the negative ELBO, its reconstruction term, and the negative ELBO per element),
            "sample" (seed, two int32 -> mean, z), "interpolate" and "interpolate_spherical" (z_a,
            z_b, t -> mean). Where the model takes further inputs, such as `condition`, the
            signatures do.
        batch_sizes: batch sizes of the signatures; 1 gives the plain name.
        data: examples, (examples, *event_shape), or a dict of arrays by input, that the check (and
            the calibration of "int8-full") encodes; by default decoded draws from the prior stand
            in, and draws from the domains of the other inputs.
        int8_io: whether "int8-full" also takes and gives int8 tensors.
        tolerance: how far the file may be from Keras; by default that of the preset.
        trainable: which weights a device can train further (docs/on_device_learning.md); None for
            a file that does not change. "scale" for the learned scale of the likelihood (a
            `LearnedScale` or `ModulatedScale`); "heads" for it and the last layer of each network
            that has a kernel; "all" for every weight that `fit` trains. Needs "float32".
        optimizer: a `kvae.export.Optimizer`, or "adam" or "sgd".
        training_batch_size: rows of one step.
        overwrite: whether to replace what stands at `path`.

    With `trainable` the file has four signatures more, which share the weights of the others:
    "train" (x, seed of two int32, learning_rate -> the loss and its terms before the step, the norm
    of the gradients, and `applied`: 0 where something was not finite, so that nothing changed),
    "save" (-> state, one vector of the trained weights and the optimizer's numbers), "restore"
    (state ->) and "reset" (back to the shipped weights).

    Returns:
        The measured `ExportResult`.

    Raises:
        ExportError: If the model needs operations beyond the builtin ones (those that kvae's own
            distributions need are found before the conversion starts), or if the file, run in
            LiteRT's Interpreter and CompiledModel, yields NaN or is farther from Keras than
            the preset allows. Nothing is left at `path` then.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        ValueError: If an argument is not of the form above.

    Example:
        >>> result = kvae.export.tflite(vae, folder / "decoder.tflite")
        >>> result.max_error < 1e-5
        True
    """
    vae = to_export(vae)
    chosen = find_preset(preset)
    target = files.destination(path, overwrite, folder=False)
    sizes = checks.positive_ints("batch_sizes", batch_sizes)
    if signatures is None:
        signatures = [main_signature([signature.name for signature in vae.signatures()])]
    signatures = checks.names("signatures", signatures)
    _check_arguments(chosen, signatures, int8_io)
    if tolerance is not None:
        check_tolerance("tolerance", tolerance)
    find(vae, signatures)
    plan = plan_of(trainable, optimizer, training_batch_size, [chosen.name])
    with Graph(vae, signatures, sizes, plan) as graph:
        float32 = vae.float32_copy()
        examples = data
        if plan is not None:
            examples = examples_of(float32, float32.signatures(), data)
        reference = reference_of(float32, find(float32, signatures), examples, vae)
        return write_checked(
            graph, reference, chosen, target, tolerance, int8_io, overwrite, examples
        )


def write_checked(
    graph: Graph,
    reference: Reference,
    preset: Preset,
    target: Path,
    tolerance: Tolerance | None = None,
    int8_io: bool = False,
    overwrite: bool = True,
    examples: Any = None,
) -> ExportResult:
    """Write the file of a preset, run it, and compare it with the reference; see `tflite`.

    Args:
        graph: the traced functions.
        reference: inputs and Keras' outputs.
        preset: the precision.
        target: file to be.
        tolerance: how far the file may be from Keras; by default that of the preset.
        int8_io: whether inputs and outputs are int8.
        overwrite: whether to replace what stands at `target`.
        examples: arrays by input, which a file that trains is trained on to compare it.
    """
    held = preset.held(list(reference.inputs))
    keys = [key for key in graph.functions if key.name in held]
    inputs: dict[Key, Any] = {key: reference.inputs[key.name] for key in keys}
    content = preset.apply(graph, inputs, int8_io)
    least = graph.least_bytes(keys, preset.weight_bytes)
    if len(content) < least:
        raise ExportError(
            f"The converted file has {len(content)} bytes; its weights alone need {least}: the "
            "converter has lost some of them."
        )
    content = compacted(content, TRAINING_NAMES)
    kept = Reference(
        {name: reference.inputs[name] for name in held},
        {name: reference.expected[name] for name in held},
    )
    with files.replacing(target, overwrite) as temporary:
        temporary.write_bytes(content)
        outputs, latencies = in_child(litert, temporary, inputs)
        measured = measure(kept, outputs, tolerance or preset.tolerance)
        training = None
        if graph.training is not None:
            compared = checked_training(graph.training, temporary, examples)
            training = described(graph.training, compared)
            latencies["train"] = compared.step_ms
    descriptions = graph.descriptions
    return ExportResult(
        format="tflite",
        preset=preset.name,
        path=target,
        size_bytes=len(content),
        weight_bytes=graph.module.weight_bytes,
        signatures={str(key): descriptions[key] for key in keys},
        measured=measured,
        latency_ms=latencies,
        runtimes=tuple(sorted({output.runtime for output in outputs})),
        training=training,
    )


def _check_arguments(chosen: Preset, signatures: Sequence[str], int8_io: bool) -> None:
    beyond = [name for name in signatures if name not in chosen.held(signatures)]
    if beyond:
        raise ValueError(
            f"Expected signatures out of {', '.join(chosen.signatures or ())} for the preset "
            f"{chosen.name!r}: the latent codes, random numbers and logarithms of the others do "
            f"not fit into int8. Received: {', '.join(beyond)}"
        )
    if int8_io and chosen.name != "int8-full":
        raise ValueError(f"int8_io goes with preset='int8-full'. Received: preset={chosen.name!r}")
