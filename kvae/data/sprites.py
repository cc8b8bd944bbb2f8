"""Sprites: generated images of one shape with known factors of variation."""

from typing import Any

import numpy as np

from kvae import checks
from kvae.data.drawing import coverage, grid_points
from kvae.data.factor_images import FactorImages

__all__ = ["SHAPES", "sprites"]

SHAPES = ("square", "ellipse", "heart")
COLOURS = np.array([[1.0, 0.3, 0.25], [0.3, 0.9, 0.35], [0.35, 0.5, 1.0]], "float32")
SIZES = (0.14, 0.28)  # half the extent of a shape; the side of the image is 1
MARGIN = 0.3  # least distance of a centre to the border


def sprites(n: int, resolution: int = 32, colour: bool = False, seed: int = 0) -> FactorImages:
    """Draw `n` sprites with independent uniform factors: shape, size, rotation, x, y (and colour).

    The rotation is uniform in [0, 2 pi). A square is invariant under rotations by pi / 2, an
    ellipse under rotations by pi. Edges are antialiased, so the image changes smoothly with every
    continuous factor.

    Args:
        n: number of images.
        resolution: height and width in pixels, at least 8.
        colour: whether to add a sixth factor: red, green or blue shapes instead of white ones.
        seed: int. The same arguments give the same images.

    Returns:
        `FactorImages` with five factors, six with `colour`.

    Raises:
        ValueError: If `n` is not positive, or `resolution` is below 8.

    Example:
        >>> made = kvae.data.sprites(4, resolution=16)
        >>> made.images.shape, made.names
        ((4, 16, 16, 1), ('shape', 'size', 'rotation', 'x', 'y'))

    References:
        Matthey, Higgins, Hassabis, Lerchner: dSprites, 2017,
        https://github.com/google-deepmind/dsprites-dataset, for the factors.
    """
    n = checks.positive_int("n", n)
    if checks.positive_int("resolution", resolution) < 8:
        raise ValueError(f"Expected resolution to be at least 8. Received: resolution={resolution}")
    rng = np.random.default_rng(seed)
    names = ("shape", "size", "rotation", "x", "y") + (("colour",) if colour else ())
    columns: dict[str, np.ndarray] = {
        "shape": rng.integers(len(SHAPES), size=n),
        "size": rng.uniform(*SIZES, size=n),
        "rotation": rng.uniform(0.0, 2.0 * np.pi, size=n),
        "x": rng.uniform(MARGIN, 1.0 - MARGIN, size=n),
        "y": rng.uniform(MARGIN, 1.0 - MARGIN, size=n),
    }
    if colour:
        columns["colour"] = rng.integers(len(COLOURS), size=n)
    factors = np.stack([columns[name] for name in names], axis=1).astype("float32")
    images = np.stack([_draw(row, resolution, colour) for row in factors])
    discrete = tuple(name in ("shape", "colour") for name in names)
    return FactorImages(images, factors, names, discrete)


def _draw(factors: np.ndarray, resolution: int, colour: bool) -> np.ndarray:
    """Return the image (resolution, resolution, channels) of one row of factors."""
    shape, size, rotation, x, y = factors[:5]
    points = grid_points(resolution) - (x, y)
    cosine, sine = np.cos(rotation), np.sin(rotation)
    across = (points[..., 0] * cosine + points[..., 1] * sine) / size
    down = (points[..., 1] * cosine - points[..., 0] * sine) / size
    distance = size * _signed_distance(SHAPES[int(shape)], across, down)
    mask = coverage(distance, resolution)[..., None]
    return mask * COLOURS[int(factors[5])] if colour else mask


def _signed_distance(shape: str, x: Any, y: Any) -> Any:
    """Return the approximate signed distance to a shape of extent 1, negative inside."""
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.8
    if shape == "ellipse":
        return 0.5 * (np.hypot(x, y / 0.5) - 1.0)  # the shorter axis sets the scale
    bent = -1.25 * y - 0.75 * np.sqrt(np.abs(x)) + 0.2  # a disc, shifted upwards with growing |x|
    return 0.6 * (np.hypot(x, bent) - 0.9)
