"""The thresholds of a bundle: for each preset by the scores that its own file gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import runtime

__all__ = ["calibrated", "calibration_rows", "decision_rows", "decision_table"]

# What a score takes in manifest.json, and what the rest takes at most.
SCORE_BYTES, OTHER_BYTES = 30, 2**18


def calibration_rows(
    rows: Any, vae: Any, presets: int, two_sided: bool = False
) -> dict[str, np.ndarray]:
    """Return calibration rows by input, as the files of a bundle score them.

    Args:
        rows: normal rows that the model was not trained on, or a dict of arrays by input.
        vae: the model.
        presets: number of files that score: the manifest holds the scores of each.
        two_sided: whether a score that is too low is an anomaly too.

    Raises:
        ValueError: If the rows are not valid, more than the manifest holds, or too few for limits
            that guarantee a rate of false alarms below one.
    """
    from ..signatures import find  # it loads TensorFlow, which those who read a bundle do without

    try:
        found = vae.named_inputs().check_scored(rows)
    except ValueError as error:
        raise ValueError(f"The rows of calibration are not those of the model. {error}") from error
    inputs = found if isinstance(found, dict) else {"x": found}
    (score,) = find(vae, ["score"])
    if inputs.keys() != score.inputs.keys():
        raise ValueError(
            f"Expected the rows of calibration to have the inputs of score, {sorted(score.inputs)}."
            f" Received: {sorted(inputs)}"
        )
    count = len(inputs["x"])
    if runtime.smallest_rate(count, two_sided) >= 1.0:
        raise ValueError(
            "Expected at least 2 rows of calibration for two_sided=True: of one every score has "
            f"the p-value 1. Received: {count}"
        )
    most = (runtime.MANIFEST_BYTES - OTHER_BYTES) // (SCORE_BYTES * presets)
    if count > most:
        raise ValueError(
            f"Expected at most {most} rows of calibration for {presets} presets, since the "
            f"manifest holds all scores. Received: {count}"
        )
    return inputs


def calibrated(
    folder: Path,
    manifest: dict[str, Any],
    rows: Mapping[str, np.ndarray],
    rate: float,
    two_sided: bool,
) -> dict[str, Any]:
    """Return the manifest with the `calibration` of each file that scores.

    Its `false_alarm_rate` is what the limits guarantee: of few rows that is more than was wanted.

    Args:
        folder: the bundle, sealed with `manifest`.
        manifest: its manifest.
        rows: those of `calibration_rows`.
        rate: wanted rate of false alarms.
        two_sided: whether a score that is too low is an anomaly too.
    """
    artefacts = []
    for artefact in manifest["artefacts"]:
        if "score" not in artefact["signatures"]:  # a file of `decode` alone decides nothing
            artefacts.append(artefact)
            continue
        found = runtime.Model(folder, artefact["preset"]).score(**rows)
        scores = [float(score) for score in np.sort(found)]
        low, high = runtime.limits(scores, rate, two_sided)
        smallest = runtime.smallest_rate(len(scores), two_sided)
        calibration = {
            "scores": scores,
            "two_sided": two_sided,
            "false_alarm_rate": max(rate, smallest),
            "low": low if two_sided else None,
            "high": high,
        }
        artefacts.append({**artefact, "calibration": calibration})
    return {**manifest, "artefacts": artefacts}


def decision_table(artefacts: Sequence[Mapping[str, Any]]) -> str:
    r"""Return decision.tsv, see docs/bundle.md: a line for each file with a threshold.

    Args:
        artefacts: those of the manifest.

    Example:
        >>> from kvae.export.bundles.decision import decision_table
        >>> found = {"scores": [0.5, 1.5], "two_sided": False, "low": None, "high": 1.5}
        >>> decision_table([{"file": "model-float32.tflite", "calibration": found}])
        'model-float32.tflite\t0\t-\t1.5\t0.5 1.5\n'
    """
    lines = []
    for artefact in artefacts:
        found = artefact.get("calibration")
        if found is not None:
            limits = (_number(found["low"]), _number(found["high"]))
            scores = " ".join(map(_number, found["scores"]))
            fields = (artefact["file"], str(int(found["two_sided"])), *limits, scores)
            lines.append("\t".join(fields) + "\n")
    return "".join(lines)


def decision_rows(artefacts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return preset, false-alarm rate, limits and number of calibration rows, for the model card.

    Args:
        artefacts: those of the manifest.

    Example:
        >>> from kvae.export.bundles.decision import decision_rows
        >>> found = {"scores": [0.5, 1.5], "low": None, "high": 1.5, "false_alarm_rate": 0.4}
        >>> decision_rows([{"preset": "float32", "calibration": found}])
        [['float32', '40.00%', '-', '1.5', '2']]
    """
    return [
        [
            artefact["preset"],
            f"{found['false_alarm_rate']:.2%}",
            _number(found["low"]),
            _number(found["high"]),
            str(len(found["scores"])),
        ]
        for artefact in artefacts
        if (found := artefact.get("calibration")) is not None
    ]


def _number(value: float | None) -> str:
    """Return a float32 number in the nine digits that tell it from all others."""
    return "-" if value is None else f"{value:.9g}"
