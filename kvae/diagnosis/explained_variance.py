"""Explained variance: how much of the data's variance the decoder's output follows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.diagnosis.data_space import DataSpace
from kvae.evaluation.estimate import Estimate

__all__ = ["ExplainedVariance", "explained_variance"]


@dataclass(frozen=True)
class ExplainedVariance:
    """Shares of the variance of the data.

    Attributes:
        per_dimension: variance of the change of the output when one latent dimension is held at
            its mean, as a share of the variance of the data.
        cumulative: share explained by the reconstruction from the first k dimensions of the
            ranking, the others held at their mean, for k = 0 .. latent_dim.
        pca: share explained by the first k principal components, for k = 0 .. latent_dim.
        beyond_constant: the last of `cumulative` less the share that the best constant output
            explains, see `DataSpace.constant`. That is 0 of numbers, whose best constant is their
            mean, and below 0 of classes, of which a decoder returns one and not their frequencies,
            and of numbers whose median is decoded.
    """

    per_dimension: tuple[Estimate, ...]
    cumulative: tuple[Estimate, ...]
    pca: tuple[float, ...]
    beyond_constant: Estimate


def explained_variance(
    vae: Any, space: DataSpace, x: np.ndarray, mean: np.ndarray, ranking: Any
) -> ExplainedVariance:
    """Measure how much output variance each latent dimension causes, and compare with PCA.

        explained = 1 - sum |x - g(z)|^2 / sum |x - mean(x)|^2,    g the likelihood's mean,

    in `DataSpace`.

    Args:
        vae: a `kvae.VAE`.
        space: maps values to vectors.
        x: examples, (examples, *event_shape).
        mean: posterior means, (examples, latent_dim).
        ranking: indices of the dimensions, the most informative first.
    """
    data = space(x)
    centred = data - data.mean(axis=0)
    total = np.sum(centred**2, axis=1)
    output = space(vae.decode(mean))
    rest = mean.mean(axis=0)
    per_dimension = []
    for d in range(mean.shape[1]):
        held = mean.copy()
        held[:, d] = rest[d]
        moved = np.sum((space(vae.decode(held)) - output) ** 2, axis=1)
        per_dimension.append(Estimate.of_ratio(moved, total))
    kept = np.tile(rest, (len(mean), 1))
    errors = [np.sum((space(vae.decode(kept)) - data) ** 2, axis=1)]
    for d in ranking:
        kept[:, d] = mean[:, d]
        errors.append(np.sum((space(vae.decode(kept)) - data) ** 2, axis=1))
    cumulative = [Estimate.of_ratio(total - error, total) for error in errors]
    constant = np.sum((data - space.constant(x)) ** 2, axis=1)
    return ExplainedVariance(
        tuple(per_dimension),
        tuple(cumulative),
        _pca(centred, mean.shape[1]),
        Estimate.of_ratio(constant - errors[-1], total),
    )


def _pca(centred: np.ndarray, components: int) -> tuple[float, ...]:
    """Return the cumulative shares of the principal components, for 0 .. `components`."""
    wide = centred.shape[1] > centred.shape[0]
    spectrum = np.linalg.eigvalsh(centred @ centred.T if wide else centred.T @ centred)[::-1]
    shares = np.cumsum(np.maximum(spectrum, 0.0)) / np.sum(np.maximum(spectrum, 0.0))
    shares = np.concatenate([[0.0], shares, np.ones(components)])[: components + 1]
    return tuple(float(share) for share in shares)
