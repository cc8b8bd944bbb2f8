"""What an anomaly detector reads of the columns of a DataFrame.

A `kvae.data.TableSchema` describes the values that a table has; a detector also has to score the
values that it has not. Numbers therefore have no bounds and are read as they are, unless they lie
so far from zero that float32 could not tell them apart; and a column of text has a class for
unknown values. What only tells rows apart, and dates, which are others in new rows, are left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kvae.data import TableSchema
from kvae.data.rounding import are_far
from kvae.data.tables.category import Category
from kvae.data.tables.column import Column
from kvae.data.tables.date import Date
from kvae.data.tables.fixed import Fixed
from kvae.data.tables.number import Number
from kvae.estimators.table_likelihood import numbers_and_classes
from kvae.layers import Columns, DistributionLayer, IndependentNormal, Transformed
from kvae.transforms import Transform

__all__ = [
    "detector_likelihood",
    "detector_schema",
    "scale_places",
]

RARE = 5  # text that fewer rows hold belongs to the class of unknown values
UNKNOWN = "other"


def detector_schema(frame: Any, overrides: Mapping[Any, str] | None = None) -> TableSchema:
    """Return the schema of the columns that a detector reads.

    Args:
        frame: a pandas DataFrame.
        overrides: kind by name of a column, see `TableSchema.infer`.

    Raises:
        ValueError: As `TableSchema.infer`.

    Example:
        >>> import pandas as pd
        >>> from kvae.estimators.detector_table import detector_schema
        >>> frame = pd.DataFrame({"load": [1.5, 2.0] * 10, "state": ["on", "off"] * 10})
        >>> print(detector_schema(frame))
        load   number
        state  category  'off', 'on', 'other'
    """
    inferred = TableSchema.infer(frame, overrides, ids="drop", rare=RARE)
    kinds = overrides or {}
    return TableSchema([_read(each, kinds.get(each.name)) for each in inferred.columns])


def _all_numbers(schema: TableSchema) -> bool:
    return not any(isinstance(column, Category) for column in schema.modelled)


def _read(column: Column, asked: str | None = None) -> Column:
    """Return the column that a detector reads in the place of one of a table.

    Args:
        column: that of the table.
        asked: the kind that the user named.
    """
    if isinstance(column, Fixed):
        inner = column.column
        if isinstance(inner, Category) and inner.categories == (inner.other,):
            return _dropped(column, "text that almost no other row holds")
        if inner is not None:  # constant so far: another value is an anomaly
            return _read(inner)
        return dataclasses.replace(column, kind="dropped")
    if isinstance(column, Date):
        return _dropped(column, "dates, which are others in new rows")
    if isinstance(column, Number):
        return _number(column)
    assert isinstance(column, Category)
    first = column.categories[0]
    if isinstance(first, bool):
        return dataclasses.replace(column, categories=(False, True))
    if "category" not in (asked, column.dtype) and not isinstance(first, str):
        return _number(column)
    return _with_unknown(column)


def _dropped(column: Column, reason: str) -> Fixed:
    return Fixed(name=column.name, kind="dropped", dtype=column.dtype, reason=reason)


def _number(column: Number | Category) -> Number:
    """Return a column of raw numbers without bounds, less an offset where float32 needs one."""
    if isinstance(column, Number):
        start: float = column.offset
        low, high = start + (column.low or 0.0), start + (column.high or 0.0)
    else:  # whole numbers, of few values
        low, high = min(column.categories), max(column.categories)
        start = int(low)
    return Number(
        name=column.name,
        kind="number",
        dtype=column.dtype,
        missing=column.missing,
        offset=start if are_far(low, high) else 0,
    )


def _with_unknown(column: Category) -> Category:
    """Return a column of classes with one for unknown values."""
    if column.other is not None:
        return column
    name = UNKNOWN
    while name in column.categories:
        name += "_"
    return dataclasses.replace(column, categories=(*column.categories, name), other=name)


def detector_likelihood(
    event_shape: tuple[int, ...], schema: TableSchema | None, transform: type[Transform]
) -> DistributionLayer:
    """Return the likelihood of rows: normal numbers behind a transform, categorical classes.

    Args:
        event_shape: shape of an example.
        schema: of a table, or None.
        transform: class of the transform of numbers.
    """
    if schema is None or _all_numbers(schema):
        return Transformed(IndependentNormal(event_shape), transform())
    classes = [
        column.num_classes if isinstance(column, Category) else 0 for column in schema.modelled
    ]
    return numbers_and_classes(
        classes,
        schema.names(),
        lambda count: Transformed(IndependentNormal(count), transform(), name="numbers"),
    )


def scale_places(likelihood: DistributionLayer) -> tuple[list[int], list[int]] | None:
    """Return where locs and scales of numbers stand in the params; None where all are numbers."""
    if not isinstance(likelihood, Columns):
        return None
    start = 0
    for layer in likelihood.columns:
        if isinstance(layer, Transformed):
            middle, end = start + layer.params_size // 2, start + layer.params_size
            return list(range(start, middle)), list(range(middle, end))
        start += layer.params_size
    return [], []
