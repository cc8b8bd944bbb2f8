"""Sets of examples with the same value of one factor."""

import numpy as np

from kvae.evaluation.disentanglement.known_factors import KnownFactors

__all__ = ["FixedFactorSampler"]

MIN_GROUP = 5


class FixedFactorSampler:
    """Draws sets of the given examples in which one factor has the same value.

    The papers generate new data at a fixed value of a factor. This class draws, with replacement,
    from the given examples that share the value of a discrete factor, or one of 20 bins of a
    continuous factor. Values with fewer than five examples are not used.

    Args:
        known: the codes and factors.
        index: indices of the examples to draw from, (m,).

    Raises:
        ValueError: If a factor has no value with five examples.
    """

    def __init__(self, known: KnownFactors, index: np.ndarray):
        self.groups = []
        for k, labels in enumerate(known.labels[index].T):
            order = np.argsort(labels, kind="stable")
            _, start, inverse, count = np.unique(
                labels[order], return_index=True, return_inverse=True, return_counts=True
            )
            large = count[inverse] >= MIN_GROUP
            if not large.any():
                raise ValueError(
                    f"Expected at least {MIN_GROUP} examples with the same value of a factor. "
                    f"Received: none for factors column {known.columns[k]}: give more examples"
                )
            # One entry per example: a value is drawn in proportion to its frequency.
            self.groups.append((index[order], start[inverse][large], count[inverse][large]))

    def draw(self, k: int, sets: int, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return indices (sets, size): in each row factor `k` has the same value."""
        order, start, count = self.groups[k]
        chosen = rng.integers(len(start), size=sets)
        offset = rng.uniform(size=(sets, size)) * count[chosen, None]
        return order[start[chosen, None] + offset.astype(int)]
