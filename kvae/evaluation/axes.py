"""Latent axes: the latent dimensions, ranked by their KL, with their safe ranges."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.contract.closed_form import normal_kl
from kvae.evaluation.gaussian_vector import one_gaussian_vector
from kvae.streams import Stream, generator

__all__ = ["LatentAxis", "kl_by_axis", "latent_axes", "safe_ranges"]

SAFE_QUANTILES = (0.005, 0.995)


@dataclass(frozen=True)
class LatentAxis:
    """One latent dimension.

    Attributes:
        index: its index in z.
        kl: mean KL of its posterior to a standard normal, in nats per example.
        share: `kl` as a share of the sum over all dimensions.
        low: 0.5% quantile of the aggregate posterior, lower end of the safe range.
        high: 99.5% quantile of the aggregate posterior, upper end of the safe range.

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
    """Return the latent dimensions of a VAE, those with the greatest KL first.

    The KL of a dimension is KL(N(m, s^2) || N(0, 1)) = 1/2 (m^2 + s^2 - 1) - log s, with the
    posterior's mean m and standard deviation s. The safe range contains the central 99% of
    samples z ~ q(z|x) over the data; the decoder was not trained outside it.

    Args:
        vae: a `kvae.VAE`.
        x: examples, (examples, *event_shape).
        seed: int, seeds the samples.

    Returns:
        One `LatentAxis` for each latent dimension.

    Raises:
        ValueError: If `vae` is not a `kvae.VAE` with one latent vector, or `x` does not fit it.

    Example:
        >>> [axis.index for axis in kvae.evaluation.latent_axes(vae, x_test)] in ([0, 1], [1, 0])
        True
    """
    one_gaussian_vector(vae)
    mean, stddev = (np.asarray(value, "float64") for value in vae.encode(x))
    kl = np.mean(kl_by_axis(mean, stddev), axis=0)
    low, high = safe_ranges(mean, stddev, seed)
    share = kl / max(float(kl.sum()), 1e-12)
    return tuple(
        LatentAxis(int(i), float(kl[i]), float(share[i]), float(low[i]), float(high[i]))
        for i in np.argsort(-kl, kind="stable")
    )


def kl_by_axis(mean: np.ndarray, stddev: np.ndarray) -> np.ndarray:
    """Return KL(N(m, s^2) || N(0, 1)) in nats, elementwise, float64."""
    return np.asarray(normal_kl(np.asarray(mean, "float64"), np.asarray(stddev, "float64")))


def safe_ranges(mean: np.ndarray, stddev: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the 0.5% and 99.5% quantiles of samples from the posteriors, each (latent_dim,).

    Args:
        mean: posterior means, (examples, latent_dim).
        stddev: posterior standard deviations, (examples, latent_dim).
        seed: int, seeds one sample from each posterior.
    """
    noise = generator(seed, Stream.AXES).standard_normal(mean.shape)
    low, high = np.quantile(mean + stddev * noise, SAFE_QUANTILES, axis=0)
    return low, high
