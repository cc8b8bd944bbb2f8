"""Rows of a table for training and rows for calibration."""

import numpy as np

__all__ = ["calibration_split"]


def calibration_split(
    rows: np.ndarray, order: np.ndarray, kept: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are kept for calibration, and those to train on.

    A column that only rows kept for calibration hold could not be learned: such a row changes
    places with one to train on whose values others hold, too, or is added to these. The row is
    chosen by which values it holds, not by what they are.

    Args:
        rows: (rows, *event_shape), NaN where missing.
        order: a permutation of the indices of the rows.
        kept: how many are kept for calibration, at least one.

    Example:
        >>> from kvae.estimators.calibration_split import calibration_split
        >>> rows = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, np.nan]])
        >>> calibration_split(rows, np.arange(3), 1)[0]
        array([[ 2., nan]])
    """
    known = ~np.isnan(rows).reshape(len(rows), -1)
    kept_rows, trained_on = list(order[:kept]), list(order[kept:])
    while True:
        counts = known[trained_on].sum(axis=0)
        needed = known[kept_rows] & (counts == 0)
        if not needed.any():
            break
        moved = kept_rows.pop(int(np.argmax(needed.any(axis=1))))
        spare = ~np.any(known[trained_on] & (counts == 1), axis=1)
        if spare.any():
            kept_rows.append(trained_on.pop(int(np.argmax(spare))))
        elif not kept_rows:  # one row at least has to calibrate
            kept_rows.append(moved)
            break
        trained_on.append(moved)
    return rows[kept_rows], rows[trained_on]
