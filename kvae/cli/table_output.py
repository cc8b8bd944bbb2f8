"""Tables written to .csv and .parquet files."""

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_table"]


def write_table(frame: Any, path: Path, schema: Any = None) -> None:
    """Write a DataFrame without its index as .csv, or as .parquet.

    Args:
        frame: the table.
        path: the file.
        schema: the `kvae.data.TableSchema` of the table, None for none. Its whole numbers are
            written to a .csv file without a decimal point, also where missing values beside them
            made floats of them.
    """
    if path.suffix.lower() != ".csv":
        frame.to_parquet(path)
        return
    columns = [] if schema is None else schema.columns
    whole = [each.name for each in columns if _is_whole(each) and each.name in frame.columns]
    integers = {name: "Int64" for name in whole if _may_be_integers(frame[name])}
    frame.astype(integers).to_csv(path, index=False)


def _is_whole(column: Any) -> bool:
    """Return whether the values of a column of a schema are whole numbers."""
    column = getattr(column, "column", None) or column  # of constants
    classes = getattr(column, "categories", ())
    floats = [isinstance(each, float) and each.is_integer() for each in classes]
    return getattr(column, "decimals", None) == 0 or (bool(floats) and all(floats))


def _may_be_integers(series: Any) -> bool:
    """Return whether a column is floats that are whole numbers of int64."""
    if series.dtype.kind != "f":
        return False
    values = series.dropna().to_numpy("float64")
    return bool(np.all((values == np.rint(values)) & (np.abs(values) < 2.0**63)))
