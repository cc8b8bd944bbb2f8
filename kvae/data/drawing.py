"""Antialiased drawing on a NumPy grid, for generated images."""

import numpy as np

__all__ = ["coverage", "grid_points"]


def grid_points(resolution: int) -> np.ndarray:
    """Return the centres of the pixels, (resolution, resolution, 2) as (x, y) in [0, 1].

    Example:
        >>> from kvae.data.drawing import grid_points
        >>> grid_points(2)[0, 1]
        array([0.75, 0.25])
    """
    centres = (np.arange(resolution) + 0.5) / resolution
    return np.stack(np.meshgrid(centres, centres, indexing="xy"), axis=-1)


def coverage(distance: np.ndarray, resolution: int) -> np.ndarray:
    """Return the share of each pixel that a shape covers, in [0, 1].

    Args:
        distance: signed distance of the pixel centres to the shape, negative inside; the side of
            the image is 1.
        resolution: pixels per side.

    Example:
        >>> from kvae.data.drawing import coverage
        >>> coverage(np.array([-1.0, 0.0, 1.0]), resolution=8)
        array([1. , 0.5, 0. ], dtype=float32)
    """
    return np.clip(0.5 - distance * resolution, 0.0, 1.0).astype("float32")
