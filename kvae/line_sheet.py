"""Series in rows and columns on one matplotlib `Axes`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from kvae.cells import Cells

__all__ = ["line_sheet"]

WIDTH, HEIGHT, GAP = 1.6, 1.0, 0.12  # of a cell, and between cells
MARGIN = 0.05  # above and below the curves, of their range
TICKS = 3  # of an axis of a cell
POINTS = 4  # of a character of a tick's label


def line_sheet(axes: Any, rows: Sequence[np.ndarray], labels: Sequence[str] = ()) -> None:
    """Draw series, a line for each channel, in cells that all have the same axes.

    `axes.collections` has the lines of each channel, in reading order of the cells, and the frames.

    Args:
        axes: the `Axes`, which shows nothing else.
        rows: the series of each row, arrays (columns, time, channels); rows may have different
            numbers of columns.
        labels: labels of the first rows.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from kvae.line_sheet import line_sheet
        >>> axes = Figure().subplots()
        >>> line_sheet(axes, [np.zeros((3, 50, 2)), np.zeros((1, 50, 2))], ["a", "b"])
        >>> [len(lines.get_paths()) for lines in axes.collections]
        [4, 4, 4]
    """
    series = np.concatenate(rows)
    time, channels = series.shape[1:]
    low, high = _limits(series)
    cells = Cells([len(row) for row in rows], WIDTH, HEIGHT, GAP)

    def across(step: Any) -> Any:
        return WIDTH * step / max(time - 1, 1)

    def down(value: Any) -> Any:
        return HEIGHT * (high - value) / (high - low)

    x, y = across(np.arange(time)), down(series)
    for channel in range(channels):
        curves = [
            np.column_stack([left + x, top + y[place, :, channel]])
            for place, (left, top) in enumerate(cells.corners)
        ]
        axes.add_collection(LineCollection(curves, colors=f"C{channel}", linewidths=0.8))
    cells.frame(axes)
    steps = _ticks(0, time - 1, integer=True)
    values = _ticks(low, high)
    axes.set_xticks(
        [left + across(step) for left in cells.lefts for step in steps],
        [f"{step:g}" for step in steps] * len(cells.lefts),
    )
    texts = [f"{value:g}" for value in values]
    axes.set_yticks(
        [top + down(value) for top in cells.tops for value in values], texts * len(cells.tops)
    )
    axes.tick_params(labelsize=6)
    beside = -(12 + POINTS * max(map(len, texts)))
    for top, label in zip(cells.tops, labels, strict=False):
        axes.annotate(
            label,
            (0.0, top + HEIGHT / 2),
            xycoords=axes.get_yaxis_transform(),
            xytext=(beside, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="center",
            fontsize=8,
        )


def _limits(series: np.ndarray) -> tuple[float, float]:
    """Return the values at the lower and the upper edge of a cell."""
    known = series[np.isfinite(series)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _ticks(low: float, high: float, integer: bool = False) -> list[float]:
    locator = MaxNLocator(TICKS, integer=integer, min_n_ticks=1)
    return [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
