"""The thresholds of a bundle: for each preset by the scores that its own file gives."""

from pathlib import Path
from typing import Any

import numpy as np

from kvae import checks

from .. import runtime

__all__ = ["calibrated", "check_rate"]


def check_rate(rate: Any) -> float:
    """Return a rate of false alarms in (0, 1), or raise a ValueError."""
    number = checks.positive("false_alarm_rate", rate)
    if number >= 1.0:
        raise ValueError(
            f"Expected false_alarm_rate to be below 1. Received: false_alarm_rate={rate!r}"
        )
    return number


def calibrated(
    folder: Path, manifest: dict[str, Any], rows: Any, rate: float, two_sided: bool
) -> dict[str, Any]:
    """Return the manifest with the `calibration` of each file.

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
        calibration = {
            "scores": scores,
            "two_sided": two_sided,
            "false_alarm_rate": rate,
            "low": low if two_sided else None,
            "high": high,
        }
        artefacts.append({**artefact, "calibration": calibration})
    return {**manifest, "artefacts": artefacts}
