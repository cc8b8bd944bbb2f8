"""The formulas of `TableQuality`, for arrays of a `kvae.data.TableSchema`."""

import numpy as np
from scipy.stats import ks_2samp, rankdata

from kvae.data import TableSchema
from kvae.data.tables.category import Category
from kvae.data.tables.column import Column
from kvae.evaluation.nearest_rows import some_rows

__all__ = ["MARGINALS", "associations", "marginal"]

MARGINALS = {True: "total variation", False: "Kolmogorov-Smirnov"}  # by "is a class"
MOST_PAIRS = 10_000  # rows that associations are computed of


def marginal(column: Column, real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the distance of two samples of a column, in [0, 1]; see `Marginal`."""
    if isinstance(column, Category):
        classes = column.num_classes + 1
        shares = [
            np.bincount(np.nan_to_num(x, nan=classes - 1).astype(int), minlength=classes) / len(x)
            for x in (real, synthetic)
        ]
        return float(np.abs(shares[0] - shares[1]).sum() / 2)
    observed = [x[~np.isnan(x)] for x in (real, synthetic)]
    if not all(map(len, observed)):
        return float(len(observed[0]) != len(observed[1]))
    return float(ks_2samp(*observed).statistic)


def associations(schema: TableSchema, x: np.ndarray) -> dict[tuple[int, int], tuple[str, float]]:
    """Return measure and value of each pair of columns, by their places; see `Pair`."""
    x = some_rows(x, MOST_PAIRS)
    classes = [column.kind == "category" for column in schema.modelled]
    found = {}
    for i in range(schema.width):
        for j in range(i + 1, schema.width):
            known = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
            a, b = x[known, i], x[known, j]
            if classes[i] and classes[j]:
                found[i, j] = "Cramer's V", cramers_v(a, b)
            elif classes[i] or classes[j]:
                found[i, j] = (
                    "correlation ratio",
                    correlation_ratio(*((a, b) if classes[i] else (b, a))),
                )
            else:
                found[i, j] = "rank correlation", rank_correlation(a, b)
    return found


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation, 0 where a column is constant."""
    if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Return Cramer's V with the correction for its bias, 0 where a column is constant.

    References:
        Bergsma: A bias-correction for Cramer's V and Tschuprow's T, 2013,
        https://doi.org/10.1016/j.jkss.2012.10.002
    """
    if len(a) < 2:
        return 0.0
    rows, columns = (np.unique(each, return_inverse=True)[1] for each in (a, b))
    r, k, n = rows.max() + 1, columns.max() + 1, len(a)
    table = np.bincount(rows * k + columns, minlength=r * k).reshape(r, k) / n
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi = np.sum((table - expected) ** 2 / expected)
    phi = max(0.0, phi - (r - 1) * (k - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi / least)) if least > 0 else 0.0


def correlation_ratio(classes: np.ndarray, numbers: np.ndarray) -> float:
    """Return sqrt(variance of the class means / variance) of the ranks of numbers."""
    if len(numbers) < 2 or numbers.min() == numbers.max():
        return 0.0
    ranks = rankdata(numbers)
    places = np.unique(classes, return_inverse=True)[1]
    counts = np.bincount(places)
    means = np.bincount(places, ranks) / counts
    return float(np.sqrt(np.sum(counts * (means - ranks.mean()) ** 2) / len(ranks) / ranks.var()))
