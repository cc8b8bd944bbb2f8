"""Images in rows and columns on one matplotlib `Axes`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kvae.cells import Cells

__all__ = ["contact_sheet"]

GAP = 0.08  # between images, of their longer side


def contact_sheet(
    axes: Any,
    rows: Sequence[np.ndarray],
    labels: Sequence[str] = (),
    limits: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Draw images of one size, each in a frame; `axes.images` has them in reading order.

    Args:
        axes: the `Axes`, which shows nothing else.
        rows: the images of each row, arrays (columns, height, width, channels), channels 1 or 3;
            rows may have different numbers of columns.
        labels: labels of the first rows.
        limits: see `kvae.pictures.grid`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from kvae.contact_sheet import contact_sheet
        >>> axes = Figure().subplots()
        >>> contact_sheet(axes, [np.zeros((3, 8, 8, 1)), np.zeros((2, 8, 8, 1))], ["a", "b"])
        >>> len(axes.images)
        5
    """
    low, high = limits
    height, width = rows[0].shape[1:3]
    cells = Cells([len(row) for row in rows], width, height, GAP * max(height, width))
    for (left, top), image in zip(cells.corners, np.concatenate(rows), strict=True):
        shades = np.clip((image - low) / ((high - low) or 1.0), 0.0, 1.0)
        axes.imshow(
            shades.squeeze(axis=-1) if image.shape[-1] == 1 else shades,
            cmap="gray_r",
            vmin=0.0,
            vmax=1.0,
            extent=(left, left + width, top + height, top),
        )
    cells.frame(axes)
    places = [top + height / 2 for top in cells.tops[: len(labels)]]
    axes.set_xticks([])
    axes.set_yticks(places, labels[: len(places)], fontsize=8)
    axes.tick_params(length=0)
