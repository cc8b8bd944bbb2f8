"""The examples with the nearest codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import checks
from kvae.exploration.codes import as_codes

__all__ = ["Neighbours", "nearest"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest examples, nearest first.

    Attributes:
        indices: their indices in the data, (n, k).
        distances: Euclidean distances between the codes, (n, k).

    Example:
        >>> found = kvae.nearest(vae, x_test[:3], x_test, k=2)
        >>> bool((found.distances[:, 0] <= found.distances[:, 1]).all())
        True
    """

    indices: np.ndarray
    distances: np.ndarray


def nearest(vae: Any, x: Any, data: Any, k: int = 5, *, encoded: bool | None = None) -> Neighbours:
    """Return the examples of `data` that are nearest to `x` in the latent space.

    Distances are Euclidean, between posterior means. An example that is also in `data` is its own
    first neighbour.

    Args:
        vae: a `kvae.VAE`.
        x: queries: examples (n, *event_shape) or codes (n, latent_dim).
        data: candidates: examples (m, *event_shape) or codes (m, latent_dim).
        k: number of neighbours, at most m.
        encoded: whether `x` and `data` hold codes; by default this is inferred from their shapes.

    Returns:
        The `Neighbours`.

    Raises:
        ValueError: If an argument has another form.

    Example:
        >>> kvae.nearest(vae, x_test[:3], x_test, k=2).indices[:, 0]
        array([0, 1, 2])
    """
    from sklearn.neighbors import NearestNeighbors

    k = checks.positive_int("k", k)
    queries, candidates = as_codes(vae, "x", x, encoded), as_codes(vae, "data", data, encoded)
    if k > len(candidates):
        raise ValueError(
            f"Expected k to be at most {len(candidates)}, the number of examples in data. "
            f"Received: k={k}"
        )
    # In more than 15 dimensions scikit-learn computes differences of squares, inexact in float32.
    search = NearestNeighbors(n_neighbors=k).fit(candidates.astype("float64"))
    distances, indices = search.kneighbors(queries.astype("float64"))
    return Neighbours(indices, distances)
