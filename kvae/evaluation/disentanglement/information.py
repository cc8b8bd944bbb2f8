"""Entropy and mutual information of discrete values, in nats."""

import numpy as np

__all__ = ["entropies", "mutual_information"]


def mutual_information(labels: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the plug-in estimate of I(factor; code) in nats, (factors, codes).

        I(v; z) = H(v) + H(z) - H(v, z)

    with the frequencies of the given examples: the factors need not be uniform or form a full
    grid. The bias for independent values is about (bins - 1) (values - 1) / (2 n) nats.

    Args:
        labels: factors as integers from 0, (n, factors).
        bins: codes as integers from 0, (n, codes).

    Returns:
        I(factor; code), (factors, codes).
    """
    width = int(bins.max()) + 1
    joint = [[_entropy(factor * width + code) for code in bins.T] for factor in labels.T]
    return np.maximum(entropies(labels)[:, None] + entropies(bins) - np.array(joint), 0.0)


def entropies(labels: np.ndarray) -> np.ndarray:
    """Return the entropy of the frequencies of each column, (columns,), in nats.

    Args:
        labels: integers from 0, (n, columns).
    """
    return np.array([_entropy(column) for column in labels.T])


def _entropy(labels: np.ndarray) -> float:
    share = np.bincount(labels) / len(labels)
    share = share[share > 0.0]
    return float(-np.sum(share * np.log(share)))
