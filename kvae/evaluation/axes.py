"""The latent axes, ranked by how much they tell about the data, with the range that is safe."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.streams import Stream, generator

__all__ = ["LatentAxis", "kl_by_axis", "latent_axes", "safe_ranges"]

SAFE_QUANTILES = (0.005, 0.995)


@dataclass(frozen=True)
class LatentAxis:
    """One latent dimension.

    Attributes:
        index: its place in z.
        kl: mean KL of its posterior to a standard normal, in nats per example.
        share: `kl` as a share of the sum over all dimensions.
        low: 0.5% quantile of the aggregate posterior.
        high: 99.5% quantile of the aggregate posterior.

    Example:
        >>> first, second = kvae.evaluation.latent_axes(vae, x_test)
        >>> first.kl >= second.kl and first.low < first.high
        True
    """

    index: int
    kl: float
    share: float
    low: float
    high: float


def latent_axes(vae: Any, x: np.ndarray, seed: int = 0) -> tuple[LatentAxis, ...]:
    """Return the latent dimensions of a VAE, the most informative first.

    The KL of a dimension is that of the normal with the posterior's mean m and standard deviation
    s, 1/2 (m^2 + s^2 - 1) - log s; the safe range is the central 99% of draws z ~ q(z|x) over
    the data, outside which the decoder has not been trained.

    Args:
        vae: a `kvae.VAE`.
        x: examples, (examples, *event_shape).
        seed: int, seeds the draws.

    Example:
        >>> [axis.index for axis in kvae.evaluation.latent_axes(vae, x_test)] in ([0, 1], [1, 0])
        True
    """
    mean, stddev = (np.asarray(value, "float64") for value in vae.encode(x))
    kl = np.mean(kl_by_axis(mean, stddev), axis=0)
    low, high = safe_ranges(mean, stddev, seed)
    share = kl / max(float(kl.sum()), 1e-12)
    return tuple(
        LatentAxis(int(i), float(kl[i]), float(share[i]), float(low[i]), float(high[i]))
        for i in np.argsort(-kl, kind="stable")
    )


def kl_by_axis(mean: np.ndarray, stddev: np.ndarray) -> np.ndarray:
    """Return KL(N(m, s^2) || N(0, 1)) = 1/2 (m^2 + s^2 - 1) - log s in nats, elementwise."""
    return 0.5 * (mean**2 + stddev**2 - 1.0) - np.log(stddev)


def safe_ranges(mean: np.ndarray, stddev: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantiles between which 99% of draws from the posteriors lie, each (latent_dim,).

    Args:
        mean: means of the posteriors, (examples, latent_dim).
        stddev: their standard deviations, (examples, latent_dim).
        seed: int, seeds one draw from each posterior.
    """
    noise = generator(seed, Stream.AXES).standard_normal(mean.shape)
    low, high = np.quantile(mean + stddev * noise, SAFE_QUANTILES, axis=0)
    return low, high
