"""Rows of tables as arrays, for comparisons of synthetic with real rows."""

import math
from typing import Any

import numpy as np

from kvae.data import TableSchema
from kvae.data.tables.arguments import check_schema

__all__ = ["rows_of", "some_rows"]


def rows_of(schema: TableSchema | None, **tables: Any) -> tuple[TableSchema, list[np.ndarray]]:
    """Return the schema and the tables as arrays (rows, width), or raise.

    Args:
        schema: of the tables; None to infer it from the first of them.
        **tables: DataFrames, or arrays as `schema.to_array` gives them. Classes that the schema
            does not have count as missing values.

    Example:
        >>> import pandas as pd
        >>> from kvae.evaluation.table_rows import rows_of
        >>> train = pd.DataFrame({"size": ["S", "M", "S"]})
        >>> schema, arrays = rows_of(None, train=train, test=train[1:])
        >>> [rows.shape for rows in arrays]
        [(3, 1), (2, 1)]
    """
    first = next(iter(tables.values()))
    if schema is None and not hasattr(first, "columns"):
        raise ValueError(
            "Expected a schema, or DataFrames to infer it from. Received: schema=None and a "
            f"{type(first).__name__}"
        )
    check_schema(schema)
    for name, table in tables.items():  # first: of one row every column is constant
        if np.ndim(table) and len(table) < 2:
            raise ValueError(f"Expected {name} to hold at least two rows. Received: {len(table)}")
    schema = TableSchema.infer(first, ids="drop") if schema is None else schema
    arrays = []
    for name, table in tables.items():
        frame = hasattr(table, "columns")
        rows = schema.to_array(table, unknown="missing") if frame else np.asarray(table)
        if rows.ndim != 2 or rows.shape[1] != schema.width or len(rows) < 2:
            raise ValueError(
                f"Expected {name} to hold at least two rows of {schema.width} columns. Received: "
                f"shape {rows.shape}"
            )
        arrays.append(rows)
    return schema, arrays


def some_rows(x: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, from all parts of the table."""
    return x[:: math.ceil(len(x) / most)]
