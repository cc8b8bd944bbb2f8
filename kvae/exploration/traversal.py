"""Traversals: one latent dimension varies while the others stay constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import checks
from kvae.evaluation.gaussian_vector import one_latent_vector
from kvae.exploration.codes import as_codes, decode_paths

__all__ = ["Traversal", "traverse"]

LIMITS = (-2.5, 2.5)  # 99% of a standard normal


@dataclass(frozen=True, eq=False)
class Traversal:
    """Traversals of single latent dimensions.

    Attributes:
        axes: the latent dimensions that vary.
        values: the values that each of them takes, (steps,).
        z: codes, (n, axes, steps, latent_dim).
        decoded: the likelihood's mean there, (n, axes, steps, *event_shape).

    Example:
        >>> moved = kvae.traverse(vae, x_test[:1], steps=5)
        >>> moved.axes, moved.z.shape
        ((0, 1), (1, 2, 5, 2))
    """

    axes: tuple[int, ...]
    values: np.ndarray
    z: np.ndarray
    decoded: np.ndarray


def traverse(
    vae: Any,
    x: Any,
    axes: int | Sequence[int] | None = None,
    limits: tuple[float, float] = LIMITS,
    steps: int = 10,
    *,
    encoded: bool | None = None,
) -> Traversal:
    """Return the decoded means while one latent dimension at a time varies.

    Args:
        vae: a `kvae.VAE`.
        x: start: examples (n, *event_shape), represented by their posterior means, or codes
            (n, latent_dim).
        axes: the latent dimensions to vary, one at a time; by default all of them.
        limits: lowest and highest value, in units of z (standard deviations of a standard normal
            prior).
        steps: number of values, both limits included.
        encoded: whether `x` holds codes; by default this is inferred from its shape.

    Returns:
        A `Traversal`.

    Raises:
        ValueError: If an argument has another form.

    Example:
        >>> kvae.traverse(vae, x_test[:1], axes=0, steps=5).decoded.shape
        (1, 1, 5, 8, 8, 1)
    """
    latent_dim = one_latent_vector(vae).latent_dim
    mean = as_codes(vae, "x", x, encoded)
    chosen = np.atleast_1d(np.asarray(range(latent_dim) if axes is None else axes))
    fits = chosen.ndim == 1 and len(chosen) and np.issubdtype(chosen.dtype, np.integer)
    if not fits or chosen.min() < 0 or chosen.max() >= latent_dim:
        raise ValueError(
            f"Expected axes to be latent dimensions from 0 to {latent_dim - 1}. Received: "
            f"axes={axes!r}"
        )
    span = np.asarray(limits)
    if span.shape != (2,) or not np.isfinite(span).all() or span[0] >= span[1]:
        raise ValueError(f"Expected limits to be (low, high). Received: limits={limits!r}")
    steps = checks.positive_int("steps", steps)
    values = np.linspace(span[0], span[1], steps, dtype="float32")
    z = np.tile(mean[:, None, None], (1, len(chosen), len(values), 1))
    for place, axis in enumerate(chosen):
        z[:, place, :, axis] = values
    return Traversal(tuple(map(int, chosen)), values, z, decode_paths(vae, z))
