"""The thresholds of a bundle: for each preset by the scores that its own file gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import runtime

__all__ = ["calibrated", "decision_rows", "decision_table"]


def calibrated(
    folder: Path, manifest: dict[str, Any], rows: Any, rate: float, two_sided: bool
) -> dict[str, Any]:
    """Return the manifest with the `calibration` of each file.

    Its `false_alarm_rate` is what the limits guarantee: of few rows that is more than was wanted.

    Args:
        folder: the bundle, sealed with `manifest`.
        manifest: its manifest.
        rows: normal rows that the model was not trained on, or a dict of arrays by input.
        rate: wanted rate of false alarms.
        two_sided: whether a score that is too low is an anomaly too.
    """
    inputs = dict(rows) if isinstance(rows, dict) else {"x": rows}
    artefacts = []
    for artefact in manifest["artefacts"]:
        found = runtime.Model(folder, artefact["preset"]).score(**inputs)
        scores = [float(score) for score in np.sort(found)]
        low, high = runtime.limits(scores, rate, two_sided)
        smallest = runtime.smallest_rate(len(scores), two_sided)
        calibration = {
            "scores": scores,
            "two_sided": two_sided,
            "false_alarm_rate": max(rate, smallest) if smallest < 1.0 else rate,
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
