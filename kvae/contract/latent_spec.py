"""What is known of a group of latent variables before any data."""

from dataclasses import dataclass, field
from typing import Literal

from kvae.contract.domain import Domain

__all__ = ["LatentSpec"]


@dataclass(frozen=True)
class LatentSpec:
    """Shape and kind of one group of latent variables.

    Attributes:
        shape: shape of one draw, without batch axes.
        kind: "gaussian" (a posterior with mean and standard deviation), "continuous",
            "deterministic" (the encoder's output itself) or "codes" (integers).
        normals: how many standard normals make one draw from the prior; None where the prior has
            no such form, so that the signature `sample` cannot be exported.
        domain: the valid values of codes; None where any finite number is one.

    Example:
        >>> kvae.contract.LatentSpec((2,), "gaussian", normals=2)
        LatentSpec(shape=(2,), kind='gaussian', normals=2)
    """

    shape: tuple[int, ...]
    kind: Literal["gaussian", "continuous", "deterministic", "codes"]
    normals: int | None
    domain: Domain | None = field(default=None, repr=False)
