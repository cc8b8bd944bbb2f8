"""From one example to another through the latent space."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.exploration.codes import as_codes, decode_paths
from kvae.exploration.geodesic import shorten
from kvae.models import paths

__all__ = ["Interpolation", "interpolate"]

PATHS = ("linear", "spherical", "geodesic")


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Paths between pairs.

    Attributes:
        path: "linear", "spherical" or "geodesic".
        z: codes along the paths, (pairs, steps, latent_dim).
        decoded: the likelihood's mean there, (pairs, steps, *event_shape).
        energy: energy of each path in the units of the data squared, (pairs,); see `interpolate`.
        energy_linear: energy of the straight line with as many steps, (pairs,).

    Example:
        >>> between = kvae.interpolate(vae, x_test[:2], x_test[2:4], path="spherical")
        >>> between.path, between.energy.shape
        ('spherical', (2,))
    """

    path: str
    z: np.ndarray
    decoded: np.ndarray
    energy: np.ndarray
    energy_linear: np.ndarray


def interpolate(
    vae: Any,
    a: Any,
    b: Any,
    steps: int = 10,
    path: str = "linear",
    *,
    iterations: int = 200,
    encoded: bool | None = None,
) -> Interpolation:
    """Return codes from `a` to `b`, both ends included, and what the decoder makes of them.

    - linear: z(t) = (1 - t) a + t b, t in [0, 1].
    - spherical: z(t) turns evenly from the direction of a to that of b, while its length goes from
      |a| to |b|. It keeps to the shell where a standard normal of many dimensions has its mass.
      Codes in one or in (nearly) opposite directions are joined by the line.
    - geodesic: the path whose decoded means move least. Its energy

          E = (steps - 1) sum_i |g(z_i+1) - g(z_i)|^2,    g the likelihood's mean,

      is brought down by descent on the inner points, from the line on: a discrete geodesic of the
      metric J^T J that the decoder's mean pulls back (J its Jacobian). It is a local minimum and
      never above the line's energy. The metric knows nothing of the posterior's density, so that
      a path stays near the data only as far as the decoder's means change fast elsewhere.

    Args:
        vae: a `kvae.VAE`.
        a: where to start: codes (n, latent_dim), or examples (n, *event_shape), which start from
            their posterior means.
        b: where to end, as many as in `a`.
        steps: points of a path, at least two.
        path: "linear", "spherical" or "geodesic".
        iterations: steps of the geodesic's descent at most.
        encoded: whether `a` and `b` hold codes; by default their shapes tell.

    Returns:
        An `Interpolation`.

    Raises:
        ValueError: If the arguments are not of the form above.

    Example:
        >>> between = kvae.interpolate(vae, x_test[:2], x_test[2:4], steps=5)
        >>> between.z.shape, between.decoded.shape
        ((2, 5, 2), (2, 5, 8, 8, 1))

    References:
        White: Sampling Generative Networks, 2016, https://arxiv.org/abs/1609.04468
        Arvanitidis, Hansen, Hauberg: Latent Space Oddity: On the Curvature of Deep Generative
        Models, 2018, https://arxiv.org/abs/1710.11379
        Shao, Kumar, Fletcher: The Riemannian Geometry of Deep Generative Models, 2018,
        https://arxiv.org/abs/1711.08014
    """
    checks.choice("path", path, PATHS)
    if checks.positive_int("steps", steps) < 2:
        raise ValueError(f"Expected steps to be at least 2, both ends. Received: steps={steps}")
    iterations = checks.positive_int("iterations", iterations)
    start, end = as_codes(vae, "a", a, encoded), as_codes(vae, "b", b, encoded)
    if len(start) != len(end):
        raise ValueError(
            f"Expected a and b to hold as many. Received: {len(start)} in a and {len(end)} in b"
        )
    line = _along(paths.linear, start, end, steps)
    on_line = decode_paths(vae, line)
    if path == "linear":
        z, decoded = line, on_line
    else:
        if path == "spherical":
            z = _along(paths.spherical, start, end, steps)
        else:
            z = shorten(vae, line, iterations)
        decoded = decode_paths(vae, z)
    return Interpolation(path, z, decoded, _energy(decoded), _energy(on_line))


def _along(path: Callable[..., Any], start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Return points on the paths from `start` to `end`, (n, steps, latent_dim)."""
    t = np.linspace(0.0, 1.0, steps, dtype="float32")[None, :, None]
    return np.asarray(path(tf.constant(start[:, None]), tf.constant(end[:, None]), tf.constant(t)))


def _energy(decoded: np.ndarray) -> np.ndarray:
    """Return E of decoded paths (n, steps, *event_shape), (n,)."""
    moves = np.diff(decoded.astype("float64"), axis=1).reshape(len(decoded), -1)
    return (decoded.shape[1] - 1) * np.sum(moves**2, axis=1)
