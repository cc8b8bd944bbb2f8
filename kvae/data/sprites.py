"""Sprites: generated images of one shape with known factors of variation."""

from typing import Any

import numpy as np

from kvae import checks
from kvae.data.drawing import coverage, grid_points
from kvae.data.factor_images import FactorImages, FactorPairs, changed_factors

__all__ = ["SHAPES", "sprite_pairs", "sprites"]

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
    return _images(_factors(n, colour, np.random.default_rng(seed)), resolution, colour)


def sprite_pairs(
    n: int, changed: int | None = 1, resolution: int = 32, colour: bool = False, seed: int = 0
) -> FactorPairs:
    """Draw `n` pairs of sprites that differ in `changed` factors, chosen for each pair.

    The factors of both sprites of a pair are distributed as those of `sprites`. A factor that
    changes is drawn again; shape and colour become another one.

    Args:
        n: number of pairs.
        changed: number of factors that change, less than all; None for a number from 1 to all but
            one, drawn for each pair.
        resolution: see `sprites`, also for the next two.
        colour: whether there is a sixth factor.
        seed: int.

    Raises:
        ValueError: As for `sprites`, or if `changed` is not such a number.

    Example:
        >>> made = kvae.data.sprite_pairs(3, changed=1, resolution=16, seed=1)
        >>> made.first.images.shape, made.second.images.shape
        ((3, 16, 16, 1), (3, 16, 16, 1))
        >>> [made.first.names[factor] for factor in made.changed.argmax(axis=1)]
        ['size', 'x', 'size']

    References:
        Locatello et al.: Weakly-Supervised Disentanglement Without Compromises, 2020, section 3,
        https://arxiv.org/abs/2002.02886
    """
    n, rng = checks.positive_int("n", n), np.random.default_rng(seed)
    first, other = _factors(n, colour, rng), _factors(n, colour, rng)
    for name, values in (("shape", SHAPES), ("colour", COLOURS)):
        if name in first:
            shift = rng.integers(1, len(values), size=n)
            other[name] = (first[name] + shift) % len(values)
    which = changed_factors(n, len(first), changed, rng)
    second = {
        name: np.where(which[:, column], other[name], first[name])
        for column, name in enumerate(first)
    }
    return FactorPairs(
        _images(first, resolution, colour), _images(second, resolution, colour), which
    )


def _factors(n: int, colour: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return independent uniform factors by name, each (n,)."""
    columns: dict[str, np.ndarray] = {
        "shape": rng.integers(len(SHAPES), size=n),
        "size": rng.uniform(*SIZES, size=n),
        "rotation": rng.uniform(0.0, 2.0 * np.pi, size=n),
        "x": rng.uniform(MARGIN, 1.0 - MARGIN, size=n),
        "y": rng.uniform(MARGIN, 1.0 - MARGIN, size=n),
    }
    if colour:
        columns["colour"] = rng.integers(len(COLOURS), size=n)
    return columns


def _images(columns: dict[str, np.ndarray], resolution: int, colour: bool) -> FactorImages:
    """Return the images of factors by name."""
    if checks.positive_int("resolution", resolution) < 8:
        raise ValueError(f"Expected resolution to be at least 8. Received: resolution={resolution}")
    names = tuple(columns)
    factors = np.stack(list(columns.values()), axis=1).astype("float32")
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
