"""The figure of a diagnosis: posteriors, information, explained variance, decoded events."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator

from kvae import pictures
from kvae.contact_sheet import contact_sheet
from kvae.diagnosis.plotted import PlottedEvents, PlottedPosteriors
from kvae.evaluation.estimate import Estimate

__all__ = ["plot_posteriors", "plot_report"]

MOST_BARS = 32  # dimensions shown
MOST_LABELS = 12  # in the legend


def plot_report(report: Any) -> Figure:
    """Return a figure with three panels of a `LatentReport`, and rows of its events below.

    Args:
        report: the `LatentReport`.
    """
    title = f"{report.verdict.state}: {report.active_units} active units"
    if not report.dimensions:  # nothing was measured
        figure = Figure((6.5, 1.5), layout="constrained")
        figure.suptitle(f"{report.verdict.state}\n" + "\n".join(report.verdict.evidence))
        return figure
    if report.events is None:
        figure = Figure((13.0, 4.0), layout="constrained")
        top: Any = figure
    else:
        rows = 2 + len(report.events.axes)
        figure = Figure((13.0, 4.0 + 0.95 * rows), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=[4.0, 0.95 * rows])
        top, below = parts
        _events(below, report.events)
    posteriors, bars, curve = top.subplots(1, 3)
    plot_posteriors(posteriors, report.plotted)
    _information(bars, report)
    _explained(curve, report)
    figure.suptitle(title)
    return figure


def plot_posteriors(axes: Any, plotted: PlottedPosteriors) -> None:
    """Draw posteriors as ellipses of one standard deviation, with circles for the prior.

    Args:
        axes: the matplotlib `Axes` to draw on.
        plotted: the posteriors.
    """
    mean, stddev = np.array(plotted.mean), np.array(plotted.stddev)
    labels = ("",) * len(mean) if plotted.labels is None else plotted.labels
    names = sorted(set(labels))
    colours = {name: f"C{place % 10}" for place, name in enumerate(names)}
    for centre, size, label in zip(mean, stddev, labels, strict=True):
        ellipse = Ellipse(tuple(centre), *(2.0 * size), fill=False, lw=0.4, color=colours[label])
        axes.add_patch(ellipse)
    for name in names:
        own = mean[[label == name for label in labels]]
        axes.plot(*own.T, ".", ms=3, color=colours[name], label=name)
    if plotted.labels is not None and len(names) <= MOST_LABELS:
        axes.legend(fontsize=7)
    for radius in (1.0, 2.0):
        axes.add_patch(Ellipse((0.0, 0.0), 2 * radius, 2 * radius, fill=False, ls=":", color="k"))
    reach = max(2.5, float(np.abs(mean).max()) * 1.1)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel=f"z{plotted.dimensions[0]}", ylabel=f"z{plotted.dimensions[1]}")
    axes.set_title("posteriors (dotted: standard normal, 1 and 2 stddevs)", fontsize=9)


def _information(axes: Any, report: Any) -> None:
    dimensions = report.dimensions[:MOST_BARS]
    places = np.arange(len(dimensions))
    information = [d.information for d in dimensions]
    axes.bar(places - 0.2, [d.kl.value for d in dimensions], 0.4, label="KL")
    axes.bar(places + 0.2, [i.value for i in information], 0.4, label="information")
    values, lengths = _intervals(information)
    axes.errorbar(places + 0.2, values, lengths, fmt="none", color="k", lw=0.8)
    turned = 90 if len(dimensions) > 12 else 0
    axes.set_xticks(places, [f"z{d.index}" for d in dimensions], fontsize=7, rotation=turned)
    axes.set_ylabel("nats")
    axes.legend(fontsize=8)
    count = len(report.dimensions)
    some = f" (first {MOST_BARS} of {count})" if count > MOST_BARS else ""
    axes.set_title(f"information per dimension{some}", fontsize=9)


def _explained(axes: Any, report: Any) -> None:
    count = np.arange(len(report.explained_variance.pca))
    axes.plot(count, report.explained_variance.pca, "o--", ms=3, label="PCA")
    values, lengths = _intervals(report.explained_variance.cumulative)
    axes.errorbar(count, values, lengths, fmt="o-", ms=3, label="decoder")
    axes.set(xlabel="dimensions kept", ylabel="share of variance")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)
    axes.set_title("explained variance of the data", fontsize=9)


def _intervals(estimates: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """Return the values, (n,), and how far the intervals reach below and above them, (2, n)."""
    value, low, high = (
        np.array([getattr(estimate, name) for estimate in estimates])
        for name in ("value", "low", "high")
    )
    return value, np.maximum([value - low, high - value], 0.0)


def _events(figure: Any, events: PlottedEvents) -> None:
    """Draw data, prior samples and traversals, one in a row."""
    rows = [("data", events.examples), ("prior\nsamples", events.samples)]
    rows += [(f"z{d}", moved) for d, moved in zip(events.axes, events.traversals, strict=True)]
    across = max(len(values) for _, values in rows)
    everything = np.concatenate([values for _, values in rows])
    low, high = pictures.limits_of(events.domain, everything)
    if everything.ndim == 4:
        labels, images = zip(*rows, strict=True)
        contact_sheet(figure.subplots(), images, labels, (low, high))
        return
    panels = figure.subplots(len(rows), across, squeeze=False)
    for line, (label, values) in zip(panels, rows, strict=True):
        for place, panel in enumerate(line):
            panel.set(xticks=[], yticks=[])
            if place >= len(values):
                panel.set_axis_off()
            else:
                panel.plot(values[place][:, :8], lw=0.8)
                panel.set_ylim(low, high)
        line[0].set_ylabel(label, fontsize=8)
