"""Faces: generated images with known identity, head rotation, expression and lighting."""

from typing import Any

import numpy as np

from kvae import checks
from kvae.data.drawing import coverage, grid_points
from kvae.data.factor_images import FactorImages

__all__ = ["faces"]

NAMES = (
    "width",
    "eyes",
    "nose",
    "hair",
    "rotation",
    "smile",
    "light",
)
TURN = 0.16  # shift of the features at rotation 1; the side of the image is 1


def faces(
    n: int, resolution: int = 32, identities: int | None = None, seed: int = 0
) -> FactorImages:
    """Draw `n` faces with independent uniform factors.

    The factors are uniform in [-1, 1]: four factors of identity (width of the face, distance of
    the eyes, length of the nose, hairline), the rotation of the head from left to right, the
    expression (from frown to smile), and the side of the light.

    Args:
        n: number of images.
        resolution: height and width in pixels, at least 16.
        identities: number of different identities; by default every image has its own.
        seed: int. The same arguments give the same images.

    Returns:
        `FactorImages` with images (n, resolution, resolution, 1) and seven factors.

    Raises:
        ValueError: If `n` or `identities` is not positive, or `resolution` is below 16.

    Example:
        >>> made = kvae.data.faces(6, resolution=32, identities=2)
        >>> made.images.shape, len(np.unique(made.factors[:, 0]))
        ((6, 32, 32, 1), 2)
    """
    n = checks.positive_int("n", n)
    if checks.positive_int("resolution", resolution) < 16:
        raise ValueError(
            f"Expected resolution to be at least 16. Received: resolution={resolution}"
        )
    rng = np.random.default_rng(seed)
    factors = rng.uniform(-1.0, 1.0, (n, len(NAMES))).astype("float32")
    if identities is not None:
        people = rng.uniform(-1.0, 1.0, (checks.positive_int("identities", identities), 4))
        factors[:, :4] = people[np.arange(n) % len(people)]
    images = np.stack([_draw(row, resolution) for row in factors])
    return FactorImages(images, factors, NAMES, (False,) * len(NAMES))


def _draw(factors: np.ndarray, resolution: int) -> np.ndarray:
    """Return the image (resolution, resolution, 1) of one row of factors."""
    width, eyes, nose, hair, rotation, smile, light = (float(value) for value in factors)
    points = grid_points(resolution)
    x, y = points[..., 0] - 0.5, points[..., 1] - 0.52
    half_width = 0.3 + 0.05 * width
    shift = TURN * rotation  # rotation shifts the features, not the outline
    squeeze = 1.0 - 0.25 * abs(rotation)  # and reduces their distances

    image = np.zeros_like(x)

    def paint(distance: Any, grey: Any) -> None:
        nonlocal image
        share = coverage(distance, resolution)
        image = (1.0 - share) * image + share * grey

    shading = np.clip(0.72 + 0.5 * light * x / half_width, 0.2, 1.0)
    paint(_ellipse(x, y + 0.05, half_width + 0.05, 0.44), 0.15)  # hair behind
    paint(_ellipse(x, y, half_width, 0.4), shading)
    hairline = np.maximum(_ellipse(x, y, half_width + 0.01, 0.41), y + 0.2 - 0.06 * hair)
    paint(hairline, 0.15)
    apart = (0.115 + 0.03 * eyes) * squeeze
    for side in (-1.0, 1.0):
        centre = shift + side * apart
        paint(_ellipse(x - centre, y + 0.06, 0.055 * squeeze, 0.032), 0.95)
        paint(_ellipse(x - centre - 0.02 * rotation, y + 0.06, 0.024, 0.028), 0.05)
        paint(_bar(x - centre, y + 0.125, 0.06 * squeeze, 0.008), 0.1)
    length = 0.07 + 0.025 * nose
    paint(_bar(x - 1.15 * shift, y - 0.06, 0.016, length), 0.45 * shading)
    mouth = y - 0.2 + 7.0 * smile * ((x - shift) ** 2 - 0.004)
    paint(np.maximum(np.abs(mouth) - 0.016, np.abs(x - shift) - 0.1 * squeeze), 0.25)
    return image[..., None].astype("float32")


def _ellipse(x: Any, y: Any, half_width: float, half_height: float) -> Any:
    """Return the approximate signed distance to an ellipse, negative inside."""
    radius = np.hypot(x / half_width, y / half_height)
    return (radius - 1.0) * min(half_width, half_height)


def _bar(x: Any, y: Any, half_width: float, half_height: float) -> Any:
    """Return the signed distance to a rectangle in the maximum norm, negative inside."""
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)
