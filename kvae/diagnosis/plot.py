"""The figure of a diagnosis: posteriors, information per dimension, explained variance."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

__all__ = ["plot_posteriors", "plot_report"]


def plot_report(report: Any) -> Figure:
    """Return a figure with three panels of a `LatentReport`.

    Args:
        report: the `LatentReport`.
    """
    figure = Figure((13.0, 4.0), layout="constrained")
    posteriors, bars, curve = figure.subplots(1, 3)
    plot_posteriors(posteriors, report.plotted)
    _information(bars, report)
    _explained(curve, report)
    figure.suptitle(f"{report.verdict.state}: {report.active_units} active units")
    return figure


def plot_posteriors(axes: Any, plotted: Any) -> None:
    """Draw posteriors as ellipses of one standard deviation, with circles for the prior.

    Args:
        axes: the matplotlib `Axes` to draw on.
        plotted: a `PlottedPosteriors`.
    """
    mean, stddev = np.array(plotted.mean), np.array(plotted.stddev)
    for centre, size in zip(mean, stddev, strict=True):
        axes.add_patch(Ellipse(tuple(centre), *(2.0 * size), fill=False, lw=0.4, color="tab:blue"))
    axes.plot(*mean.T, ".", ms=2, color="tab:blue")
    for radius in (1.0, 2.0):
        axes.add_patch(Ellipse((0.0, 0.0), 2 * radius, 2 * radius, fill=False, ls=":", color="k"))
    reach = max(2.5, float(np.abs(mean).max()) * 1.1)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel=f"z{plotted.dimensions[0]}", ylabel=f"z{plotted.dimensions[1]}")
    axes.set_title("posteriors (dotted: prior, 1 and 2 stddevs)", fontsize=9)


def _information(axes: Any, report: Any) -> None:
    places = np.arange(len(report.dimensions))
    information = [d.information for d in report.dimensions]
    axes.bar(places - 0.2, [d.kl.value for d in report.dimensions], 0.4, label="KL")
    axes.bar(places + 0.2, [i.value for i in information], 0.4, label="information")
    lengths = [[i.value - i.low for i in information], [i.high - i.value for i in information]]
    values = [i.value for i in information]
    axes.errorbar(places + 0.2, values, np.maximum(lengths, 0.0), fmt="none", color="k", lw=0.8)
    axes.set_xticks(places, [f"z{d.index}" for d in report.dimensions], fontsize=7)
    axes.set_ylabel("nats")
    axes.legend(fontsize=8)
    axes.set_title("information per dimension", fontsize=9)


def _explained(axes: Any, report: Any) -> None:
    count = np.arange(len(report.explained_variance.pca))
    axes.plot(count, report.explained_variance.pca, "o--", ms=3, label="PCA")
    values = [estimate.value for estimate in report.explained_variance.cumulative]
    errors = [1.96 * estimate.stderr for estimate in report.explained_variance.cumulative]
    axes.errorbar(count, values, errors, fmt="o-", ms=3, label="decoder")
    axes.set(xlabel="dimensions kept", ylabel="share of variance")
    axes.legend(fontsize=8)
    axes.set_title("explained variance of the data", fontsize=9)
