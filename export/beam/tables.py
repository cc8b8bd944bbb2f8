"""Arrow tables of examples: arrays out of their columns, and results back into columns.

An example is a row. What a model reads stands in one column of flat lists, or in several columns of
numbers; results go into columns of floats or of fixed-size lists. A table may know the file and the
row it starts at, so that an error names the row as its owner counts it.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Columns", "read", "results", "with_origin", "without_origin"]

Columns = str | Sequence[str]

ORIGIN = b"kvae.origin"


def with_origin(table: Any, path: str, first: int) -> Any:
    """Return the table with a note that its rows come from `path` and start at row `first` there.

    Example:
        >>> import pyarrow as pa
        >>> from kvae.export.beam import tables
        >>> table = tables.with_origin(pa.table({"t": [0.5, None]}), "rows.parquet", 4)
        >>> tables.read(table, "t", "t", (1,), "float32")
        Traceback (most recent call last):
            ...
        ValueError: Expected the column 't' ... Received: a missing number in row 5 of rows.parquet
    """
    note = json.dumps({"path": path, "first": first}).encode()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), ORIGIN: note})


def without_origin(table: Any) -> Any:
    """Return the table without the note of `with_origin`."""
    metadata = table.schema.metadata or {}
    return table.replace_schema_metadata({k: v for k, v in metadata.items() if k != ORIGIN})


def read(
    table: Any,
    columns: Columns,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    missing: bool = False,
) -> Any:
    """Return the rows of one input of a model, (rows, *shape).

    Args:
        table: a `pyarrow.Table`.
        columns: the column of flat lists, or the columns of numbers in their order.
        name: the input, for errors.
        shape: of one example.
        dtype: of the array.
        missing: whether the model takes missing values: null and NaN become NaN.

    Raises:
        ValueError: If a column is missing, of another type, or a row of it has a missing value,
            another number of values, one that is not finite, or one that `dtype` cannot hold. It
            names the first such row.

    Example:
        >>> import pyarrow as pa
        >>> from kvae.export.beam import tables
        >>> table = pa.table({"id": [7, 8], "x": [[1.0, 2.0], [3.0, 4.0]]})
        >>> tables.read(table, "x", "x", (2, 1), "float32").shape
        (2, 2, 1)
        >>> tables.read(table, ["id"], "t", (1,), "float32")
        array([[7.],
               [8.]], dtype=float32)
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    size = int(np.prod(shape))
    if not set(names) <= set(table.column_names):
        raise ValueError(
            f"Expected the columns {names} for the input {name}. Received: {table.column_names}"
        )
    single = isinstance(columns, str) and not _is_number(table.schema.field(columns).type)
    if not single and len(names) != size:
        raise ValueError(
            f"Expected a column of lists, or {size} columns of numbers, for the input {name} of "
            f"shape {shape}. Received: {_types(table, names)}"
        )
    if single:
        flat = _lists(table, names[0], name, shape, missing)
    else:
        flat = np.stack([_numbers(table, each, name, shape, missing) for each in names], axis=1)
    with np.errstate(all="ignore"):  # what does not fit is refused below, in words
        array = flat.astype(dtype)
    fits = np.isfinite(flat) & np.isfinite(array) | (missing & np.isnan(flat))
    if array.dtype.kind in "iu":  # whole numbers have no fractions, and none wraps around
        fits &= array == flat
    if not fits.all():
        row = int(np.argmin(fits.all(axis=1)))
        value = flat[row][np.argmin(fits[row])]
        raise ValueError(
            f"Expected finite numbers of {dtype} in {names} for the input {name}. Received: "
            f"{value} in {_place(table, row)}"
        )
    return array.reshape(len(array), *shape)


def results(outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a column for every output, by name: numbers, or fixed-size lists of a flat example.

    Args:
        outputs: arrays (rows, ...) by name.

    Example:
        >>> from kvae.export.beam import tables
        >>> tables.results({"mean": np.zeros((2, 3, 4), "float32")})["mean"].type
        FixedSizeListType(fixed_size_list<item: float>[12])
    """
    columns = {}
    for name, array in outputs.items():
        flat = pa.array(array.ravel())
        size = int(np.prod(array.shape[1:]))
        columns[name] = flat if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, size)
    return columns


def _lists(table: Any, column: str, name: str, shape: tuple[int, ...], missing: bool) -> np.ndarray:
    """Return a column of lists as an array (rows, size)."""
    size = int(np.prod(shape))
    kind = table.schema.field(column).type
    lists = pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind)
    if not (lists or pa.types.is_large_list(kind)) or not _is_number(kind.value_type):
        raise ValueError(
            f"Expected the column {column!r} to hold flat lists of {size} numbers, for the input "
            f"{name} of shape {shape}. Received: {kind}"
        )
    chunk = table.column(column).combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(chunk), -1).to_numpy(zero_copy_only=False)
    if (lengths != size).any():
        row = int(np.argmax(lengths != size))
        said = "no list" if lengths[row] < 0 else f"{lengths[row]}"
        raise _unfit(table, column, name, shape, said, row)
    values = _filled(chunk.flatten(), missing)
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() // size
        raise _unfit(table, column, name, shape, "a missing number", row)
    return values.to_numpy(zero_copy_only=False).reshape(-1, size)


def _numbers(
    table: Any, column: str, name: str, shape: tuple[int, ...], missing: bool
) -> np.ndarray:
    """Return a column of numbers as an array (rows,)."""
    kind = table.schema.field(column).type
    if not _is_number(kind):
        raise ValueError(
            f"Expected the column {column!r} to hold numbers, for the input {name} of shape "
            f"{shape}. Received: {kind}"
        )
    values = _filled(table.column(column), missing)
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py()
        raise _unfit(table, column, name, shape, "a missing number", row)
    return values.to_numpy()


def _filled(values: Any, missing: bool) -> Any:
    """Return numbers with NaN in the place of null, where values may be missing."""
    if not (missing and values.null_count):
        return values
    return pc.fill_null(values.cast(pa.float64()), float("nan"))


def _is_number(kind: Any) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _types(table: Any, names: Sequence[str]) -> str:
    return ", ".join(f"{name!r} of {table.schema.field(name).type}" for name in names)


def _unfit(
    table: Any, column: str, name: str, shape: tuple[int, ...], said: str, row: int
) -> ValueError:
    size = int(np.prod(shape))
    count = "1 number" if size == 1 else f"{size} numbers"
    return ValueError(
        f"Expected the column {column!r} to hold {count} in every row, for the input {name} of "
        f"shape {shape}. Received: {said} in {_place(table, row)}"
    )


def _place(table: Any, row: int) -> str:
    """Say which row of which file the row of a table is; rows count from 0."""
    note = (table.schema.metadata or {}).get(ORIGIN)
    if note is None:
        return f"row {row} of a table"
    origin = json.loads(note)
    return f"row {origin['first'] + row} of {origin['path']}"
