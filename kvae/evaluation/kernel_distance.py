"""The kernel distance between two sets of features."""

from typing import Any

import numpy as np

from kvae.evaluation.estimate import Estimate
from kvae.evaluation.sample_features import checked_features

__all__ = ["kernel_distance"]

ROWS = 1024  # of the kernel matrix at once
LEAST_EXAMPLES = 3  # of which one can be left out


def kernel_distance(real: Any, generated: Any) -> Estimate:
    """Return the unbiased squared maximum mean discrepancy of a cubic kernel, as an `Estimate`.

        E k(a, a') + E k(b, b') - 2 E k(a, b),    k(a, b) = (a . b / d + 1)^3,

    of features a of real and b of generated examples with d dimensions. It compares means,
    covariances and third moments. Of Inception's features of pictures it is the KID. The estimate
    has no bias, unlike the Frechet distance, and is below 0 by chance where both distributions are
    equal. It takes a time in proportion to the square of the number of examples.

    The standard error is that of the jackknife over the examples of both sets. It is right where
    the distributions differ, and too large, by a factor of up to sqrt(2), where they are equal.

    Args:
        real: features of real examples, (examples, features); further axes are flattened.
        generated: features of generated examples.

    Raises:
        ValueError: If the arrays do not fit each other, or hold fewer than three examples.

    Example:
        >>> ones = np.ones((50, 4))
        >>> print(kvae.evaluation.kernel_distance(0.0 * ones, ones))  # 1 + 8 - 2
        7.00 +- 0.00
        >>> real, generated = np.random.default_rng(0).normal(size=(2, 99, 4))
        >>> found = kvae.evaluation.kernel_distance(real, generated)
        >>> found.low < 0.0 < found.high
        True

    References:
        Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs, 2018, section 4,
        https://arxiv.org/abs/1801.01401;
        Efron, Stein: The jackknife estimate of variance, 1981 (why it is not too small on average),
        https://doi.org/10.1214/aos/1176345462
    """
    sets = checked_features(real, generated, least=LEAST_EXAMPLES)
    # Of each example: the sums of the kernel with the others of its set, and with the other set.
    own = [_sums(x, x)[0] - _kernel(np.sum(x * x, axis=1), x.shape[1]) for x in sets]
    across = _sums(*sets)
    pairs = [len(x) * (len(x) - 1) for x in sets]
    within = [sums.sum() / count for sums, count in zip(own, pairs, strict=True)]
    between = across[0].sum() / (len(sets[0]) * len(sets[1]))
    variance = 0.0
    for i, n in enumerate(map(len, sets)):
        # The distance without each example of this set in turn; the other set's mean stays.
        inside = (own[i].sum() - 2.0 * own[i]) / ((n - 1) * (n - 2))
        outside = (across[i].sum() - across[i]) / ((n - 1) * len(sets[1 - i]))
        variance += (n - 1) * np.var(inside - 2.0 * outside)
    return Estimate.of(sum(within) - 2.0 * between, np.sqrt(variance))


def _kernel(product: np.ndarray, dimensions: int) -> np.ndarray:
    return (product / dimensions + 1.0) ** 3


def _sums(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of the kernel over b for each of a, and over a for each of b."""
    of_a, of_b = [], np.zeros(len(b))
    for start in range(0, len(a), ROWS):
        kernel = _kernel(a[start : start + ROWS] @ b.T, a.shape[1])
        of_a.append(kernel.sum(axis=1))
        of_b += kernel.sum(axis=0)
    return np.concatenate(of_a), of_b
