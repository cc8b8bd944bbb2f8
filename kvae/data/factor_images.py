"""Generated images with their known factors of variation."""

from dataclasses import dataclass

import numpy as np

__all__ = ["FactorImages"]


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
