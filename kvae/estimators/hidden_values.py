"""Rows of a table with hidden values, from which a model learns to do without any of them."""

import numpy as np

__all__ = ["with_hidden_values"]


def with_hidden_values(x: np.ndarray, times: float, random: np.random.RandomState) -> np.ndarray:
    """Return random rows of a table, each with some of its values hidden.

    How many values of a row are hidden is drawn evenly from 1 to all but one of those that it has,
    and then which ones. Rows with fewer than two values are left out.

    Args:
        x: rows (rows, columns), NaN where missing.
        times: how often each row is taken; of 0.5, a random half of the rows once.
        random: generator of the draws.

    Example:
        >>> from kvae.estimators.hidden_values import with_hidden_values
        >>> rows = with_hidden_values(np.ones((4, 3)), 0.5, np.random.RandomState(0))
        >>> rows.shape, bool(np.isin(np.isnan(rows).sum(axis=1), [1, 2]).all())
        ((2, 3), True)
    """
    rows = x[np.resize(random.permutation(len(x)), round(times * len(x)))]
    rows = rows[np.sum(~np.isnan(rows), axis=1) > 1]
    known = ~np.isnan(rows)
    hidden = random.randint(1, np.maximum(known.sum(axis=1), 2))
    order = np.where(known, random.uniform(size=rows.shape), np.inf)
    rank = order.argsort(axis=1).argsort(axis=1)
    return np.where(rank < hidden[:, None], np.nan, rows)
