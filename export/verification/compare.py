"""Compare what an exported file computes with what Keras computes; no TensorFlow here."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from kvae import checks
from kvae.outputs import CENTERS

from ..key import Key
from ..result import ExportError, ToleranceError
from .reference import ROWS, Reference

__all__ = ["Measured", "Output", "Tolerance", "check_tolerance", "measure"]

EXACT = 300.0  # dB, of an output that is Keras' own
LEAST_IS_WORST = {"psnr", "sqnr", "equal"}  # of the numbers of `Measured`
QUANTILE = 0.99  # of the scores: a threshold that one example in a hundred exceeds


@dataclass(frozen=True)
class Tolerance:
    """How far an exported file may be from Keras. None leaves a quantity free.

    Outputs of whole numbers, such as the codes of a `kvae.QuantizedVAE`, are held to `equal` alone:
    a code may flip where two are almost equally near. A row whose codes differ is left out where
    the other outputs of the same inputs are compared (`reconstruct`, `score`; what a draw of codes
    decodes to), which therefore needs `encode` in the same file. `decode` is compared on all rows.

    Attributes (finite numbers of at least 0):
        error: largest error of any output, see `Measured.error`.
        psnr: least PSNR of what is decoded, in dB: of the mean (or what stands for it) of a
            signature that has one, else of all outputs, `encode` and `score` aside. Also of the
            mean of `encode` where the posterior has no standard deviation.
        score: RMS error of the score, as a share of its standard deviation over the examples that
            the file was tried on (of 1 nat, where that is larger).
        codes: RMS error of the posterior's mean, in posterior standard deviations; elements where
            these are zero are left out.
        equal: least share of equal whole numbers; one may differ whatever their number.

    Example:
        >>> kvae.export.Tolerance(psnr=35.0)
        Tolerance(error=None, psnr=35.0, score=None, codes=None, equal=None)
    """

    error: float | None = None
    psnr: float | None = None
    score: float | None = None
    codes: float | None = None
    equal: float | None = None

    def __post_init__(self) -> None:
        """Raise where a number would make a comparison pass whatever is measured, as NaN does."""
        for name, value in asdict(self).items():
            if value is not None:
                checks.non_negative(name, value)


def check_tolerance(name: str, value: object) -> None:
    """Raise a ValueError that names the argument unless it is a `Tolerance`."""
    if not isinstance(value, Tolerance):
        raise ValueError(f"Expected {name} to be a kvae.export.Tolerance. Received: {value!r}")


@dataclass(frozen=True)
class Measured:
    """How one output of one signature compares with Keras, each number the worst of all runtimes.

    Attributes:
        error: largest |file - Keras|, divided by the largest |Keras| where that is above one.
        largest: largest |file - Keras|, in the unit of the output (nats for `score` and `nll`).
        rms: root mean square of (file - Keras), in the unit of the output.
        bias: mean of (file - Keras), in the unit of the output.
        psnr: 20 log10(span of Keras' values / root mean square error), in dB; 300 where all are
            equal.
        sqnr: 10 log10(power of Keras' values / power of the error), in dB.
        error_prior: `error` over prior draws alone, where the input is a latent vector.
        error_posterior: `error` over posterior draws alone.
        stddevs: for the outputs of `encode`, RMS of (file - Keras) in posterior standard
            deviations, over the elements where these are not zero; None where all are.
        false_alarms: for `score`, the share of examples above the threshold that 1% of them exceed
            in Keras, less that 1%.
        equal: for whole numbers, the share that is equal.
    """

    error: float
    largest: float
    rms: float
    bias: float
    psnr: float
    sqnr: float
    error_prior: float
    error_posterior: float
    stddevs: float | None = None
    false_alarms: float | None = None
    equal: float | None = None


class Output(NamedTuple):
    """One output of one signature as a runtime computed it.

    Attributes:
        runtime: where it ran.
        key: signature and batch size.
        name: name of the output.
        values: array (rows, ...).
    """

    runtime: str
    key: Key
    name: str
    values: np.ndarray


def measure(
    reference: Reference, outputs: Iterable[Output], tolerance: Tolerance
) -> dict[str, dict[str, Measured]]:
    """Compare what runtimes computed with what Keras computes.

    Args:
        reference: inputs and Keras' outputs.
        outputs: what the runtimes computed from these inputs.
        tolerance: how far they may be from Keras.

    Returns:
        A `Measured` by signature (with its batch size, `decode_8`) and output.

    Raises:
        ExportError: If an output is missing, has another shape, is not finite, or is farther from
            Keras than `tolerance`; it names the output and its difference.
    """
    measured: dict[str, dict[str, Measured]] = {}
    compared: dict[Key, set[str]] = {}
    outputs = list(outputs)
    flipped = _flipped(reference, outputs)
    for output in outputs:
        base = output.key.name
        expected = reference.expected[base].get(output.name)
        if expected is None:
            raise ExportError(f"{_what(output)} is unknown to Keras.")
        _check(output, expected)
        others = reference.expected[base]
        if not _is_whole(expected):
            same = ~_rows(flipped, reference, output)
            if not same.any():
                raise ExportError(f"{_what(output)} has no row whose codes are those of Keras.")
            output = output._replace(values=output.values[same])
            expected = expected[same]
            others = {name: values[same] for name, values in others.items()}
        this = _compared(output, expected, others)
        _judge(output, this, others, tolerance)
        found = measured.setdefault(str(output.key), {})
        found[output.name] = _worst(found.get(output.name, this), this)
        compared.setdefault(output.key, set()).add(output.name)
    for base, names in reference.expected.items():
        keys = [key for key in compared if key.name == base] or [Key(base)]
        for key in keys:
            missing = names.keys() - compared.get(key, set())
            if missing:
                raise ExportError(f"The outputs {sorted(missing)} of {key} are missing.")
    return measured


def _what(output: Output) -> str:
    return f"The output {output.name} of {output.key} in {output.runtime}"


def _is_whole(expected: np.ndarray) -> bool:
    return expected.dtype.kind in "iu"


def _flipped(reference: Reference, outputs: list[Output]) -> dict[tuple[str, str], np.ndarray]:
    """Return which rows have another whole number than in Keras, by runtime and signature."""
    flipped: dict[tuple[str, str], np.ndarray] = {}
    for output in outputs:
        base = output.key.name
        expected = reference.expected[base].get(output.name)
        if expected is None or not _is_whole(expected) or output.values.shape != expected.shape:
            continue
        rows = (output.values != expected).reshape(len(expected), -1).any(axis=1)
        flipped[output.runtime, base] = flipped.get((output.runtime, base), False) | rows
    return flipped


def _rows(
    flipped: dict[tuple[str, str], np.ndarray], reference: Reference, output: Output
) -> np.ndarray:
    """Return the rows of an output whose codes flipped: in a signature of the same inputs."""
    own = reference.inputs[output.key.name]
    rows = np.zeros(len(output.values), bool)
    for (runtime, base), found in flipped.items():
        inputs = reference.inputs[base]
        if runtime != output.runtime or inputs.keys() != own.keys():
            continue
        if all(np.array_equal(inputs[name], own[name], equal_nan=True) for name in own):
            rows |= found
    return rows


def _check(output: Output, expected: np.ndarray) -> None:
    """Raise an ExportError where it cannot be said how an output compares."""
    if not np.all(np.isfinite(expected)):
        raise ExportError(
            f"Keras itself yields NaN or infinity in {output.name} of {output.key.name}."
        )
    if output.values.shape != expected.shape:
        raise ExportError(
            f"{_what(output)} has shape {output.values.shape}; in Keras it has shape "
            f"{expected.shape}."
        )
    if not np.all(np.isfinite(output.values)):
        raise ExportError(f"{_what(output)} is NaN or infinite.")


def _compared(output: Output, expected: np.ndarray, outputs: dict[str, np.ndarray]) -> Measured:
    """Return how an output compares."""
    equal = float(np.mean(output.values == expected)) if _is_whole(expected) else None
    found, expected = output.values.astype("float64"), expected.astype("float64")
    difference = found - expected
    absolute = np.abs(difference).reshape(len(found), -1).max(axis=1)
    relative = absolute / max(1.0, float(np.max(np.abs(expected))))
    mean_square = max(float(np.mean(np.square(difference))), 1e-30)
    half = min(ROWS, max(1, len(found) // 2))
    stddevs = false_alarms = None
    scale = _scale(output)
    if scale in outputs and np.any(spread := outputs[scale] > 0.0):
        stddevs = float(np.sqrt(np.mean(np.square(difference[spread] / outputs[scale][spread]))))
    if output.key.name == output.name == "score":
        threshold = np.quantile(expected, QUANTILE)
        false_alarms = float(np.mean(found > threshold) - np.mean(expected > threshold))
    span = max(float(np.ptp(expected)), 1e-15)
    psnr = 20.0 * float(np.log10(span / np.sqrt(mean_square))) if np.any(difference) else EXACT
    return Measured(
        error=float(relative.max()),
        largest=float(absolute.max()),
        rms=float(np.sqrt(mean_square)),
        bias=float(np.mean(difference)),
        psnr=psnr,
        sqnr=10.0 * float(np.log10(max(float(np.mean(expected**2)), 1e-30) / mean_square)),
        error_prior=float(relative[:half].max()),
        error_posterior=float(relative[-half:].max()),
        stddevs=stddevs,
        false_alarms=false_alarms,
        equal=equal,
    )


def _worst(first: Measured, second: Measured) -> Measured:
    """Return the worse of each number; of a bias or of false alarms the one farther from zero."""
    others = asdict(second)
    worst: dict[str, Any] = {}
    for name, value in asdict(first).items():
        known = [each for each in (value, others[name]) if each is not None]
        worse: Callable[..., Any] = min if name in LEAST_IS_WORST else partial(max, key=abs)
        worst[name] = worse(known, default=None)
    return Measured(**worst)


def _scale(output: Output) -> str:
    """Return the output of `encode` with the standard deviations of one of its outputs, or ""."""
    if output.key.name != "encode":
        return ""
    return output.name.removesuffix("mean").removesuffix("stddev") + "stddev"


def _is_decoded(output: Output, names: Iterable[str]) -> bool:
    """Return whether an output of a signature with outputs `names` stands for data."""
    if output.key.name in ("encode", "score"):
        return False
    return output.name in CENTERS or not set(CENTERS) & set(names)


def _judge(
    output: Output, this: Measured, outputs: dict[str, np.ndarray], tolerance: Tolerance
) -> None:
    """Raise a ToleranceError if an output is farther from Keras than allowed."""
    signature, name = output.key.name, output.name
    if this.equal is not None:
        size = output.values.size
        if tolerance.equal is not None and round((1.0 - this.equal) * size) > max(
            1, int((1.0 - tolerance.equal) * size)
        ):
            raise ToleranceError(
                f"{_what(output)}: {this.equal:.2%} of its whole numbers are those of Keras; "
                f"{tolerance.equal:.1%} are required (tolerance equal)."
            )
        return
    if tolerance.error is not None and this.error > tolerance.error:
        raise ToleranceError(
            f"{_what(output)} differs from Keras by {this.error:.2e}; {tolerance.error:.0e} is "
            "allowed (tolerance error)."
        )
    is_code = signature == "encode" and name.endswith("mean")
    held = _is_decoded(output, outputs) or (is_code and this.stddevs is None)
    if held and tolerance.psnr is not None and this.psnr < tolerance.psnr:
        raise ToleranceError(
            f"{_what(output)} reaches {this.psnr:.1f} dB PSNR against Keras; {tolerance.psnr:.0f} "
            "dB are required (tolerance psnr)."
        )
    # `nats_per_element` is `score` in another unit, in which 1 nat has no size of its own.
    if signature == "score" and name != "nats_per_element" and tolerance.score is not None:
        allowed = tolerance.score * max(1.0, float(np.std(outputs[name])))
        if this.rms > allowed:
            raise ToleranceError(
                f"{_what(output)} differs from Keras by {this.rms:.2f} nats (RMS); {allowed:.2f} "
                f"nats are allowed (tolerance score, {tolerance.score:g} of the standard deviation "
                "of the examples' scores)."
            )
    stddevs = this.stddevs if is_code else None
    if stddevs is not None and tolerance.codes is not None and stddevs > tolerance.codes:
        raise ToleranceError(
            f"{_what(output)} differs from Keras by {stddevs:.2f} posterior standard "
            f"deviations (RMS); {tolerance.codes:g} are allowed (tolerance codes)."
        )
