"""Compare an artefact with the Keras model it came from, before anyone gets to see it."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kvae.layers import Likelihood

from ..result import ExportError
from .probe import ROWS, Probe

__all__ = ["Budget", "Measured", "in_child", "in_session", "measure", "without_batch_size"]

PICTURES = ("decode", "reconstruct", "sample", "interpolate", "interpolate_spherical")


@dataclass(frozen=True)
class Budget:
    """How far an artefact may stray from Keras.

    Attributes:
        error: largest error of any output (see `Measured.error`), or None.
        psnr: least PSNR of the decoded output (`mean`) of the signatures that decode, in dB, or
            None.
    """

    error: float | None = None
    psnr: float | None = None


@dataclass(frozen=True)
class Measured:
    """How one output of one signature compares with Keras, the worst over all runtimes.

    Attributes:
        error: largest |artefact - Keras|, divided by the largest |Keras| where that is above one.
        psnr: 20 log10(span of Keras' values / root mean square error), in dB.
        sqnr: 10 log10(power of Keras' values / power of the error), in dB.
        error_prior: `error` over prior draws alone, where the input is a latent vector.
        error_posterior: `error` over posterior draws alone.
        bias: mean of (artefact - Keras).
    """

    error: float
    psnr: float
    sqnr: float
    error_prior: float
    error_posterior: float
    bias: float


def measure(
    probe: Probe, results: dict[str, np.ndarray], budget: Budget
) -> dict[str, dict[str, Measured]]:
    """Compare what the runtimes gave with what Keras says.

    Args:
        probe: inputs and Keras' outputs.
        results: outputs under keys `runtime/signature/output`; the signature may end in its batch
            size (`decode_8`).
        budget: how far they may stray.

    Returns:
        A `Measured` by signature and output.

    Raises:
        ExportError: If an output is missing, has another shape, is not finite, or strays further
            than `budget`; it says which one, and by how much.
    """
    measured: dict[str, dict[str, Measured]] = {}
    for key, found in results.items():
        runtime, signature, output = key.split("/")
        base = without_batch_size(signature)
        expected = probe.expected[base][output]
        what = f"The output {output} of {signature} in {runtime}"
        if not np.all(np.isfinite(expected)):
            raise ExportError(f"Keras itself yields NaN or infinity in {output} of {signature}.")
        if found.shape != expected.shape:
            raise ExportError(
                f"{what} has shape {found.shape}; in Keras it has shape {expected.shape}."
            )
        if not np.all(np.isfinite(found)):
            raise ExportError(f"{what} is NaN or infinite.")
        this = _compare(found.astype("float64"), expected.astype("float64"))
        if budget.error is not None and this.error > budget.error:
            raise ExportError(
                f"{what} differs from Keras by {this.error:.2e}; {budget.error:.0e} is allowed."
            )
        pictured = base in PICTURES and output in Likelihood.CENTERS
        if pictured and budget.psnr is not None and this.psnr < budget.psnr:
            raise ExportError(
                f"{what} reaches {this.psnr:.1f} dB PSNR against Keras; {budget.psnr:.0f} dB are "
                "required."
            )
        outputs = measured.setdefault(signature, {})
        if output not in outputs or this.error > outputs[output].error:
            outputs[output] = this
    for base, outputs_expected in probe.expected.items():
        traced = {name for name in measured if without_batch_size(name) == base} or {base}
        for signature in traced:
            missing = outputs_expected.keys() - measured.get(signature, {}).keys()
            if missing:
                raise ExportError(f"The outputs {sorted(missing)} of {signature} are missing.")
    return measured


def without_batch_size(signature: str) -> str:
    """Return the name of a signature without its batch size.

    Example:
        >>> from kvae.export.verification.compare import without_batch_size
        >>> without_batch_size("decode_8"), without_batch_size("interpolate_spherical")
        ('decode', 'interpolate_spherical')
    """
    return signature.rstrip("0123456789").rstrip("_")


def _compare(found: np.ndarray, expected: np.ndarray) -> Measured:
    difference = found - expected
    absolute = np.abs(difference).reshape(len(found), -1).max(axis=1)
    absolute = absolute / max(1.0, float(np.max(np.abs(expected))))
    mean_square = max(float(np.mean(np.square(difference))), 1e-30)
    span = max(float(np.ptp(expected)), 1e-15)
    power = max(float(np.mean(np.square(expected))), 1e-30)
    return Measured(
        error=float(absolute.max()),
        psnr=20.0 * np.log10(span / np.sqrt(mean_square)),
        sqnr=10.0 * np.log10(power / mean_square),
        error_prior=float(absolute[:ROWS].max()),
        error_posterior=float(absolute[-ROWS:].max()),
        bias=float(np.mean(difference)),
    )


def in_session(path: Path, inputs: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Run a SavedModel through `tf.compat.v1.saved_model.load`, as servers load it.

    The C++ loader does not see Python's objects, so that variables which only Python can find are
    missing here.
    """
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # the loader calls itself deprecated; it has no successor
    results = {}
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            meta = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
            for signature, values in inputs.items():
                definition = meta.signature_def[signature]
                feed = {definition.inputs[name].name: value for name, value in values.items()}
                fetch = {name: info.name for name, info in definition.outputs.items()}
                for name, value in session.run(fetch, feed).items():
                    results[f"a v1 Session/{signature}/{name}"] = value
    except tf.errors.OpError as error:
        raise ExportError(f"The SavedModel does not load as servers load it: {error}") from error
    finally:
        logger.setLevel(level)
    return results


def in_child(
    script: ModuleType, artefact: Path, inputs: dict[str, dict[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Run `script` as a process of its own on an artefact.

    Returns:
        The outputs under keys `runtime/signature/output`, and the latency of each signature in
        milliseconds.

    Raises:
        ExportError: If the process fails, with the last error it named.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        flat: dict[str, Any] = {
            f"{signature}/{name}": value
            for signature, values in inputs.items()
            for name, value in values.items()
        }
        np.savez(source, **flat)
        # -P: the folder of the script is not a place to import from.
        paths = (script.__file__, artefact, source, target)
        command = [sys.executable, "-P", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "Error" in line]
            raise ExportError(
                f"The exported file {artefact.name} does not run: "
                + (said[-1] if said else f"the process ended with status {done.returncode}")
            )
        with np.load(target, allow_pickle=False) as arrays:
            results = dict(arrays)
    latencies = {
        key.split("/")[1]: float(results.pop(key))
        for key in list(results)
        if key.startswith("latency/")
    }
    return results, latencies
