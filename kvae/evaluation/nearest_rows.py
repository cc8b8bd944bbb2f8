"""Distances of synthetic rows to the training rows: copies of real rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.data import TableSchema
from kvae.data.tables.category import Category
from kvae.evaluation.table_rows import rows_of, some_rows

__all__ = ["NearestRows", "nearest_rows"]

MOST_ROWS = 5_000  # whose nearest training row is looked for


@dataclass(frozen=True)
class NearestRows:
    """Distances to the nearest training row, of synthetic rows and of other real rows.

    The distance is Euclidean: numbers count by their rank, from 0 to 1, and two different classes
    are at the distance 1. Rows closer than other real rows are a sign of memorized rows.

    Attributes:
        synthetic_copies: share of synthetic rows that equal a training row in every column.
        held_out_copies: share of other real rows that do, by chance.
        synthetic_median: median distance of synthetic rows.
        held_out_median: that of other real rows.
        synthetic_low: the distance that 5% of the synthetic rows stay below.
        held_out_low: that of other real rows.

    Example:
        >>> print(kvae.evaluation.NearestRows(0.02, 0.0, 0.1, 0.2, 0.05, 0.1))
        copies 2.0% (other real rows: 0.0%), median distance 0.100 (0.200), 5% below 0.050 (0.100)
    """

    synthetic_copies: float
    held_out_copies: float
    synthetic_median: float
    held_out_median: float
    synthetic_low: float
    held_out_low: float

    def __str__(self) -> str:
        return (
            f"copies {self.synthetic_copies:.1%} (other real rows: {self.held_out_copies:.1%}), "
            f"median distance {self.synthetic_median:.3f} ({self.held_out_median:.3f}), "
            f"5% below {self.synthetic_low:.3f} ({self.held_out_low:.3f})"
        )


def nearest_rows(
    train: Any, test: Any, synthetic: Any, schema: TableSchema | None = None
) -> NearestRows:
    """Return copies of training rows and distances to them, of synthetic and of other real rows.

    Distances are those of 5,000 rows at most, copies those of all.

    Args:
        train: the rows that the synthesizer was trained on: a DataFrame, or an array as
            `schema.to_array` gives it.
        test: other real rows.
        synthetic: generated rows.
        schema: of the table; by default inferred from `train`, without ids.

    Raises:
        ValueError: If the tables do not fit the schema.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> train, test = (pd.DataFrame({"a": rng.normal(size=50)}) for _ in range(2))
        >>> copied = pd.concat([train[:10], test[:30]])
        >>> kvae.evaluation.nearest_rows(train, test, copied).synthetic_copies
        0.25

    References:
        Park et al.: Data Synthesis based on Generative Adversarial Networks, 2018, section 5.1
        (distance to the closest record), https://arxiv.org/abs/1806.03384
    """
    from sklearn.neighbors import NearestNeighbors

    schema, (real, other, made) = rows_of(schema, train=train, test=test, synthetic=synthetic)
    points = _points(schema, real, real)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
    rows = set(_keys(real))
    copies, medians, low = [], [], []
    for x in (made, other):
        copies.append(float(np.mean([key in rows for key in _keys(x)])))
        distances, _ = search.kneighbors(_points(schema, real, some_rows(x, MOST_ROWS)))
        medians.append(float(np.median(distances)))
        low.append(float(np.quantile(distances, 0.05)))
    return NearestRows(*copies, *medians, *low)


def _points(schema: TableSchema, train: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return points, (rows, coordinates), whose distance is that of `NearestRows`, float32."""
    parts = []
    for i, column in enumerate(schema.modelled):
        missing = np.isnan(x[:, i])
        if isinstance(column, Category):
            places = np.where(missing, column.num_classes, np.nan_to_num(x[:, i])).astype(int)
            parts.append(np.eye(column.num_classes + 1)[places] / np.sqrt(2))
            continue
        known = np.sort(train[~np.isnan(train[:, i]), i])
        ends = [np.searchsorted(known, x[:, i], side) for side in ("left", "right")]
        ranks = (ends[0] + ends[1]) / (2 * max(1, len(known)))
        parts.append(np.stack([np.where(missing, 0.5, ranks), missing], axis=1))
    return np.concatenate(parts, axis=1).astype("float32")


def _keys(x: np.ndarray) -> list[bytes]:
    """Return a key of each row; equal rows have equal ones, missing values included."""
    whole = np.where(np.isnan(x), -np.inf, x).astype("float32") + 0.0  # no negative zero
    return [row.tobytes() for row in whole]
