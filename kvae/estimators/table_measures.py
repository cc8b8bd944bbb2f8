"""The formulas of `TableQuality`, for arrays of a `kvae.data.TableSchema`."""

import math
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, rankdata

from kvae.data import TableSchema
from kvae.data.tables.category import Category
from kvae.data.tables.column import Column

__all__ = [
    "MARGINALS",
    "associations",
    "marginal",
    "nearest",
    "place_of_target",
    "train_and_test",
]

MARGINALS = {True: "total variation", False: "Kolmogorov-Smirnov"}  # by "is a class"
MOST_NEAREST = 5_000  # rows whose nearest training row is looked for
MOST_PAIRS = 10_000  # rows that associations are computed of
MOST_CLASSES = 255  # of a column that scikit-learn's classifier takes as classes


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
    x = _some(x, MOST_PAIRS)
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


def place_of_target(schema: TableSchema, target: Any) -> int:
    """Return the place of a column of classes in the array, or raise."""
    places = {
        column.name: i for i, column in enumerate(schema.modelled) if column.kind == "category"
    }
    if target not in places:
        raise ValueError(
            f"Expected target to be one of the columns of classes, "
            f"{', '.join(map(repr, places)) or 'of which there are none'}. Received: {target!r}"
        )
    return places[target]


def train_and_test(
    schema: TableSchema, train: np.ndarray, test: np.ndarray, synthetic: np.ndarray, place: int
) -> tuple[float, float, float, float]:
    """Return AUC trained on real, on synthetic rows, F1 trained on real, on synthetic rows."""
    real = _auc_and_f1(schema, train, test, place)
    other = _auc_and_f1(schema, synthetic, test, place)
    return real[0], other[0], real[1], other[1]


def _auc_and_f1(
    schema: TableSchema, train: np.ndarray, test: np.ndarray, place: int
) -> tuple[float, float]:
    """Return AUC and F1 on test rows of gradient-boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import f1_score, roc_auc_score
    from threadpoolctl import threadpool_limits

    train, test = (x[~np.isnan(x[:, place])] for x in (train, test))
    y, truth = train[:, place].astype(int), test[:, place].astype(int)
    # Classes that the training rows lack have the probability 0.
    classes = np.unique(truth)
    if len(np.unique(y)) < 2 or len(classes) < 2:
        return float("nan"), float("nan")
    others = [i for i in range(schema.width) if i != place]
    named = [
        isinstance(column, Category) and column.num_classes <= MOST_CLASSES
        for column in (schema.modelled[i] for i in others)
    ]
    model = HistGradientBoostingClassifier(categorical_features=named, random_state=0)
    # One thread: where cores are shared, OpenMP's threads wait for each other a hundred times as
    # long as the trees of a table of this size take.
    with threadpool_limits(1, "openmp"):
        model.fit(train[:, others], y)
    found = model.predict_proba(test[:, others])
    probabilities = np.zeros((len(test), max(y.max(), truth.max()) + 1))
    probabilities[:, model.classes_] = found
    areas = [roc_auc_score(truth == each, probabilities[:, each]) for each in classes]
    guess = probabilities.argmax(axis=1)
    scores: Any = f1_score(truth, guess, labels=classes, average=None, zero_division=0.0)
    rarer = np.argmin([np.sum(truth == each) for each in classes])
    return float(np.mean(areas)), float(scores[rarer] if len(classes) == 2 else np.mean(scores))


def nearest(
    schema: TableSchema, train: np.ndarray, test: np.ndarray, synthetic: np.ndarray
) -> tuple[float, ...]:
    """Return shares of copies, medians and 5% quantiles, of synthetic before other real rows."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_points(schema, train, train))
    rows = _keys(train)
    copies, medians, low = [], [], []
    for x in (synthetic, test):
        copies.append(float(np.mean([key in rows for key in _key_list(x)])))
        distances, _ = search.kneighbors(_points(schema, train, _some(x, MOST_NEAREST)))
        medians.append(float(np.median(distances)))
        low.append(float(np.quantile(distances, 0.05)))
    return (*copies, *medians, *low)


def _some(x: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, from all parts of the table."""
    return x[:: math.ceil(len(x) / most)]


def _points(schema: TableSchema, train: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return points whose Euclidean distance is that of `Nearest`, float32 (rows, coordinates)."""
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


def _keys(x: np.ndarray) -> set[bytes]:
    return set(_key_list(x))


def _key_list(x: np.ndarray) -> list[bytes]:
    """Return a key of each row; equal rows have equal ones, missing values included."""
    whole = np.where(np.isnan(x), -np.inf, x).astype("float32") + 0.0  # no negative zero
    return [row.tobytes() for row in whole]
