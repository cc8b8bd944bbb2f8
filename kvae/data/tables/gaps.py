"""A table with estimates in place of its missing values."""

from typing import Any

import numpy as np

__all__ = ["filled", "filled_by_schema"]


def filled(frame: Any, estimates: Any) -> Any:
    """Return a DataFrame whose missing values are those of another; all others stay as they are.

    A filled column has the dtype of the estimates where that holds its observed values, such as
    whole numbers that were floats beside missing ones; else its own, or objects.

    Args:
        frame: a pandas DataFrame.
        estimates: a DataFrame of as many rows, with some of its columns: those to be filled.

    Example:
        >>> import pandas as pd
        >>> from kvae.data.tables.gaps import filled
        >>> frame = pd.DataFrame({"id": [7, 8], "hours": [123456789.0, None]})
        >>> print(filled(frame, pd.DataFrame({"hours": [123456792, 40]})))
           id      hours
        0   7  123456789
        1   8         40
    """
    result = frame.copy()
    for name in estimates.columns:
        if frame[name].isna().any():
            column = _filled(frame[name], estimates[name])
            result[name] = column.set_axis(frame.index)
    return result


def filled_by_schema(schema: Any, frame: Any, array: Any, estimates: Any) -> Any:
    """Return a DataFrame whose missing values are the estimates of a model, made valid values.

    Those of a constant column are the constant. Columns that are empty or dropped stay as they are.

    Args:
        schema: the `kvae.data.TableSchema` of the table.
        frame: a pandas DataFrame with the columns of the schema.
        array: its rows, `schema.to_array(frame)`.
        estimates: (rows, width), see `kvae.data.TableSchema.imputed`.

    Example:
        >>> import pandas as pd
        >>> from kvae.data.tables.gaps import filled_by_schema
        >>> schema = kvae.data.TableSchema.infer(pd.DataFrame({"hours": [7, 40], "site": "north"}))
        >>> frame = pd.DataFrame({"hours": [7, None], "site": [None, "north"]})
        >>> print(filled_by_schema(schema, frame, schema.to_array(frame), [[7.0], [40.2]]))
           hours   site
        0      7  north
        1     40  north
    """
    names = [
        column.name
        for column in schema.columns
        if (column.modelled or column.kind == "constant") and column.name in frame.columns
    ]
    names = [name for name in names if frame[name].isna().any()]
    if not names:
        return frame.copy()
    return filled(frame, schema.imputed(array, estimates, frame.index)[names])


def _filled(given: Any, estimate: Any) -> Any:
    """Return a column whose missing values are those of another, in the order of the rows."""
    import pandas as pd

    missing = given.isna().to_numpy()
    parts = given[~missing], estimate[missing]
    for dtype in (estimate.dtype, given.dtype):
        made = [_converted(part, dtype) for part in parts]
        # As numbers of Python: those of NumPy are compared in float64, which rounds long ones.
        if all(new.tolist() == old.tolist() for new, old in zip(made, parts, strict=True)):
            break
    else:
        made = [part.astype(object) for part in parts]
    order = np.concatenate([np.flatnonzero(~missing), np.flatnonzero(missing)])
    return pd.concat(made).iloc[np.argsort(order)]


def _converted(series: Any, dtype: Any) -> Any:
    """Return a column in a dtype, an empty one where that does not hold all values."""
    import pandas as pd

    categories = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else None
    if categories is not None and not set(series) <= set(categories):
        return series[:0]
    try:
        return series.astype(dtype)
    except (ArithmeticError, TypeError, ValueError):
        return series[:0]
