"""One report out of those of several seeds: means, with intervals over the seeds."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from kvae.diagnosis.report import LatentReport
from kvae.evaluation.estimate import Estimate

__all__ = ["over_seeds"]


def over_seeds(reports: Sequence[LatentReport]) -> LatentReport:
    """Return a report whose estimates are means over runs with different seeds.

    The interval of a mean is that of Student's t over the runs: it contains how much training
    varies, which one run cannot show. Latent dimensions are matched by their rank. Verdict,
    findings and pictures are those of the first report whose state is the most frequent one. One
    report is returned as it is.

    Where some reports are not measured, because a weight of the model is not finite, the means are
    those of the others, and `notes` says so; of one such report its own estimates are kept.

    Args:
        reports: of the same variant, one for each seed.
    """
    if len(reports) == 1:
        return reports[0]
    states = collections.Counter(report.verdict.state for report in reports)
    (state, _), *_ = states.most_common(1)
    typical = next(report for report in reports if report.verdict.state == state)
    measured = [report for report in reports if report.measured] or list(reports)
    found = {
        field.name: [getattr(report, field.name) for report in measured]
        for field in dataclasses.fields(LatentReport)
        if field.name not in KEPT
    }
    changed = {name: _mean(each) if len(each) > 1 else each[0] for name, each in found.items()}
    if len(measured) < len(reports):
        shown = typical if typical.measured else measured[0]
        changed |= {name: getattr(shown, name) for name in ("plotted", "events")}
        left_out = len(reports) - len(measured)
        sentence = f"{left_out} of {len(reports)} seeds are left out: a weight is not finite"
        changed["notes"] = (*shown.notes, sentence)
    return dataclasses.replace(typical, **changed)


KEPT = ("examples", "seed", "verdict", "findings", "settings", "plotted", "events", "notes")


def _mean(values: list[Any]) -> Any:
    """Return the mean of estimates and numbers, element by element in what holds them."""
    first = values[0]
    if isinstance(first, Estimate):
        return _mean_estimate(values)
    if isinstance(first, dict):
        return {key: _mean([value[key] for value in values]) for key in first}
    if isinstance(first, tuple):
        return tuple(_mean(list(part)) for part in zip(*values, strict=True))
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        fields = [field.name for field in dataclasses.fields(first) if field.name != "index"]
        found = {name: _mean([getattr(value, name) for value in values]) for name in fields}
        return dataclasses.replace(first, **found)
    return float(np.mean(values))


def _mean_estimate(estimates: list[Estimate]) -> Estimate:
    values = [estimate.value for estimate in estimates]
    count, mean = len(values), float(np.mean(values))
    if not np.isfinite(mean):  # such as an infinite implied beta, or what was not measured
        return Estimate(mean, np.nan, mean, mean)
    if any(np.isinf(estimate.stderr) for estimate in estimates):  # nothing is known of this value
        return Estimate(mean, np.inf, -np.inf, np.inf)
    error = float(np.std(values, ddof=1) / np.sqrt(count))
    margin = float(stats.t.ppf(0.975, count - 1)) * error
    return Estimate(mean, error, mean - margin, mean + margin)
