"""Precision and recall of generated examples, by nearest neighbours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import checks
from kvae.evaluation.sample_features import checked_features

__all__ = ["PrecisionRecall", "precision_recall"]

ROWS = 1024  # of the matrix of distances at once


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares of generated and of real examples that lie among the others.

    Attributes:
        precision: share of the generated examples within the real ones: quality.
        recall: share of the real examples within the generated ones: variety.
        density: mean number of real balls that a generated example lies in, over k; 1 for equal
            distributions, and not moved by a single outlier as precision is.
        coverage: share of the real examples whose ball holds a generated one.

    Example:
        >>> x = np.arange(10.0)[:, None]
        >>> print(kvae.evaluation.precision_recall(x, x + 0.1))
        precision 1.000, recall 1.000, density 1.267, coverage 1.000
    """

    precision: float
    recall: float
    density: float
    coverage: float

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, "
            f"density {self.density:.3f}, coverage {self.coverage:.3f}"
        )


def precision_recall(real: Any, generated: Any, k: int = 3) -> PrecisionRecall:
    """Return precision, recall, density and coverage of generated examples.

    Around each example is a ball that reaches to its k-th nearest neighbour in its own set. A
    generated example counts as precise if it lies in a ball of a real one; a real example as
    recalled if it lies in a ball of a generated one. Compare sets of the same size, and with the
    figures of held-out real data in the place of the generated ones: with n real and m held-out
    examples the expected coverage is

        1 - (n - 1) ... (n - k) / ((n + m - 1) ... (n + m - k)),

    0.875 in large sets of one size with k = 3.

    Args:
        real: features of real examples, (examples, features), or the examples themselves.
        generated: features of generated examples.
        k: number of neighbours, less than the numbers of examples. Density and coverage were
            proposed with 5.

    Raises:
        ValueError: If the arrays do not fit each other, or hold too few examples.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real = rng.normal(size=(300, 2))
        >>> far = kvae.evaluation.precision_recall(real, real + 100.0)
        >>> far.precision, far.recall
        (0.0, 0.0)

    References:
        Kynkaanniemi, Karras, Laine, Lehtinen, Aila: Improved Precision and Recall Metric for
        Assessing Generative Models, 2019, section 2, https://arxiv.org/abs/1904.06991;
        Naeem, Oh, Uh, Choi, Yoo: Reliable Fidelity and Diversity Metrics for Generative Models,
        2020, sections 3.2 (density, coverage) and 3.3, https://arxiv.org/abs/2002.09797
    """
    k = checks.positive_int("k", k)
    real, generated = checked_features(real, generated, least=k + 1)
    points, places = _distinct(np.concatenate([real, generated]))
    of_real, of_generated = np.split(places, [len(real)])
    balls = np.zeros(len(generated))  # real ones that a generated example lies in
    recalled, covered = (np.zeros(len(real), bool) for _ in range(2))
    for rows, inside in _inside(points, of_real, of_generated, k):
        balls += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
    for _, inside in _inside(points, of_generated, of_real, k):
        recalled |= inside.any(axis=0)
    return PrecisionRecall(
        precision=float(np.mean(balls > 0)),
        recall=float(recalled.mean()),
        density=float(balls.mean() / k),
        coverage=float(covered.mean()),
    )


def _distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of an array, and the place of each row among them, (rows,)."""
    seen: dict[bytes, int] = {}
    # Adding zero makes -0.0 equal to 0.0 in bytes.
    places = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in x + 0.0])
    return x[np.unique(places, return_index=True)[1]], places


def _inside(
    points: np.ndarray, own: np.ndarray, others: np.ndarray, k: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield which other examples lie in the balls of a set, for some rows of it at once.

    Radii and distances are read from one matrix, in which examples with equal features share a
    column: a matrix product would give them distances that differ by its rounding.

    Args:
        points: distinct features, (points, features).
        own: places of the examples of the set in `points`.
        others: those of the other set.
        k: each ball reaches to the k-th nearest other example of the set.

    Yields:
        Rows of the set, and booleans (rows, others).
    """
    from sklearn.metrics import pairwise_distances

    for start in range(0, len(own), ROWS):
        rows = own[start : start + ROWS]
        each = np.arange(len(rows))
        distances = pairwise_distances(points[rows], points)
        distances[each, rows] = 0.0
        to_own = distances[:, own]
        to_own[each, start + each] = np.inf  # not to itself
        radii = np.partition(to_own, k - 1, axis=1)[:, k - 1 : k]
        yield slice(start, start + ROWS), distances[:, others] <= radii
