"""Cells of one size in rows and columns on one matplotlib `Axes`.

One `Axes` for all of them: an `Axes` for each takes matplotlib some 60 ms.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

__all__ = ["Cells"]


class Cells:
    """The places of cells, from above; y grows downwards.

    Args:
        counts: number of cells in each row.
        width: of a cell, in units of the `Axes`.
        height: of a cell.
        gap: between cells.

    Example:
        >>> from kvae.cells import Cells
        >>> cells = Cells([2, 1], width=4, height=3, gap=1)
        >>> cells.corners
        [(0, 0), (5, 0), (0, 4)]
        >>> cells.lefts, cells.tops
        ([0, 5], [0, 4])
    """

    def __init__(self, counts: Sequence[int], width: float, height: float, gap: float):
        self.width, self.height, self.gap = width, height, gap
        self.lefts = [column * (width + gap) for column in range(max(counts))]
        self.tops = [row * (height + gap) for row in range(len(counts))]
        self.corners = [
            (left, top)
            for top, count in zip(self.tops, counts, strict=True)
            for left in self.lefts[:count]
        ]

    def frame(self, axes: Any) -> None:
        """Draw a frame around each cell, and limit an `Axes` to them."""
        frames = [Rectangle(corner, self.width, self.height) for corner in self.corners]
        axes.add_collection(
            PatchCollection(frames, facecolor="none", edgecolor="0.3", linewidth=0.8)
        )
        margin = self.gap / 2
        axes.set(
            xlim=(-margin, self.lefts[-1] + self.width + margin),
            ylim=(self.tops[-1] + self.height + margin, -margin),
        )
        axes.spines[:].set_visible(False)
