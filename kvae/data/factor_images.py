"""Generated images with their known factors of variation, and pairs of them."""

from dataclasses import dataclass

import numpy as np

from kvae import checks

__all__ = ["FactorImages", "FactorPairs", "changed_factors"]


@dataclass(frozen=True)
class FactorImages:
    """Images and their factors of variation.

    Attributes:
        images: float32 in [0, 1], (examples, resolution, resolution, channels).
        factors: float32, (examples, factors); discrete factors are integers from 0.
        names: names of the columns of `factors`.
        discrete: whether each factor is discrete.

    Example:
        >>> made = kvae.data.sprites(4, resolution=16)
        >>> dict(zip(made.names, made.discrete))["shape"]
        True
    """

    images: np.ndarray
    factors: np.ndarray
    names: tuple[str, ...]
    discrete: tuple[bool, ...]


@dataclass(frozen=True)
class FactorPairs:
    """Pairs of images that share all but a few factors of variation.

    Attributes:
        first: the first image of each pair.
        second: the second image of each pair.
        changed: booleans (pairs, factors), True where the two differ in the factor.

    Example:
        >>> made = kvae.data.sprite_pairs(100, changed=2, resolution=8)
        >>> set(made.changed.sum(axis=1).tolist())
        {2}
        >>> made.inputs()["pair"].shape
        (100, 8, 8, 1)
    """

    first: FactorImages
    second: FactorImages
    changed: np.ndarray

    def inputs(self) -> dict[str, np.ndarray]:
        """Return the images as `kvae.PairVAE` takes them."""
        return {"x": self.first.images, "pair": self.second.images}


def changed_factors(
    n: int, factors: int, changed: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Return which factors of each pair change, booleans (n, factors).

    Args:
        n: number of pairs.
        factors: number of factors.
        changed: how many change in each pair; None for a number from 1 to factors - 1, drawn for
            each pair.
        rng: source of randomness.

    Raises:
        ValueError: If `changed` is not a positive integer below `factors`.
    """
    count = checks.optional_positive_int("changed", changed)
    if count is not None and count >= factors:
        raise ValueError(
            f"Expected changed to be less than the {factors} factors. Received: changed={changed!r}"
        )
    counts = rng.integers(1, factors, size=(n, 1)) if count is None else count
    return rng.permuted(np.tile(np.arange(factors), (n, 1)), axis=1) < counts
