"""The kernel distance between two sets of features."""

from typing import Any

import numpy as np

from kvae.evaluation.sample_features import checked_features

__all__ = ["kernel_distance"]

ROWS = 1024  # of the kernel matrix at once


def kernel_distance(real: Any, generated: Any) -> float:
    """Return the unbiased squared maximum mean discrepancy of a cubic kernel.

        E k(a, a') + E k(b, b') - 2 E k(a, b),    k(a, b) = (a . b / d + 1)^3,

    of features a of real and b of generated examples with d dimensions. It compares means,
    covariances and third moments. Of Inception's features of pictures it is the KID. The estimate
    has no bias, unlike the Frechet distance, and is below 0 by chance where both distributions are
    equal. It takes a time in proportion to the square of the number of examples.

    Args:
        real: features of real examples, (examples, features); further axes are flattened.
        generated: features of generated examples.

    Raises:
        ValueError: If the arrays do not fit each other, or hold fewer than two examples.

    Example:
        >>> ones = np.ones((50, 4))
        >>> kvae.evaluation.kernel_distance(0.0 * ones, ones)  # 1 + 8 - 2
        7.0

    References:
        Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs, 2018, section 4,
        https://arxiv.org/abs/1801.01401
    """
    first, second = checked_features(real, generated)
    within = [
        (_sum(x, x) - np.sum(_kernel(np.sum(x * x, axis=1), x.shape[1]))) for x in (first, second)
    ]
    counts = len(first), len(second)
    own = sum(total / (count * (count - 1)) for total, count in zip(within, counts, strict=True))
    return float(own - 2.0 * _sum(first, second) / (counts[0] * counts[1]))


def _kernel(product: np.ndarray, dimensions: int) -> np.ndarray:
    return (product / dimensions + 1.0) ** 3


def _sum(a: np.ndarray, b: np.ndarray) -> float:
    """Return the sum of the kernel over all pairs."""
    starts = range(0, len(a), ROWS)
    return float(sum(_kernel(a[start : start + ROWS] @ b.T, a.shape[1]).sum() for start in starts))
