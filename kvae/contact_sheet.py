"""Images in rows and columns on one matplotlib `Axes`.

One `Axes` for all of them: an `Axes` for each takes matplotlib some 60 ms, an image on one that is
there 2 ms.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

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
    gap = GAP * max(height, width)
    frames = []
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            left, top = column * (width + gap), row * (height + gap)
            shades = np.clip((image - low) / ((high - low) or 1.0), 0.0, 1.0)
            axes.imshow(
                shades.squeeze(axis=-1) if image.shape[-1] == 1 else shades,
                cmap="gray_r",
                vmin=0.0,
                vmax=1.0,
                extent=(left, left + width, top + height, top),
            )
            frames.append(Rectangle((left, top), width, height))
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor="0.3", linewidth=0.8))
    across = max(len(images) for images in rows)
    places = [row * (height + gap) + height / 2 for row in range(min(len(labels), len(rows)))]
    axes.set(
        xlim=(-gap / 2, across * (width + gap) - gap / 2),
        ylim=(len(rows) * (height + gap) - gap / 2, -gap / 2),
        xticks=[],
    )
    axes.set_yticks(places, labels[: len(places)], fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
