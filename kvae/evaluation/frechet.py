"""The Frechet distance between two sets of features."""

from typing import Any

import numpy as np

from kvae.evaluation.sample_features import checked_features

__all__ = ["frechet_distance"]


def frechet_distance(real: Any, generated: Any) -> float:
    """Return the squared Frechet distance between normals fitted to two sets of features.

        |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)),

    with the means m, m' and the covariances C, C' of the features. It is 0 for equal moments. Of
    Inception's features of pictures it is the FID; of a classifier trained on the same data it has
    no unit to compare with other data sets, and ranks models of one data set.

    The estimate is too large by an amount that falls with the number of examples: compare models at
    the same number, and with the distance of held-out real data. There should be many more examples
    than features.

    Args:
        real: features of real examples, (examples, features); further axes are flattened.
        generated: features of generated examples.

    Raises:
        ValueError: If the arrays do not fit each other, or hold fewer than two examples.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real = rng.normal(size=(5000, 3))
        >>> round(kvae.evaluation.frechet_distance(real, real + [2.0, 0.0, 0.0]), 6)
        4.0

    References:
        Heusel et al.: GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium, 2017, section 4, https://arxiv.org/abs/1706.08500;
        Dowson, Landau: The Frechet distance between multivariate normal distributions, 1982,
        https://doi.org/10.1016/0047-259X(82)90077-X
    """
    sets = checked_features(real, generated)
    means = [features.mean(axis=0) for features in sets]
    first, second = (
        np.cov(features, rowvar=False).reshape(2 * [features.shape[1]]) for features in sets
    )
    # tr (C C')^(1/2) is the sum of the singular values of C^(1/2) C'^(1/2): no eigenvalue of a
    # matrix that is not symmetric, which rounding makes complex.
    cross = np.linalg.svd(_root(first) @ _root(second), compute_uv=False).sum()
    distance = np.sum((means[0] - means[1]) ** 2) + np.trace(first) + np.trace(second) - 2.0 * cross
    return float(max(distance, 0.0))


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
