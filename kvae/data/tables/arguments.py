"""The arguments `schema` and `overrides` of what takes a DataFrame, checked in one place."""

from typing import Any

from kvae.data.tables.schema import TableSchema, kinds_of

__all__ = ["check_schema"]


def check_schema(schema: Any, overrides: Any = None) -> None:
    """Raise unless a schema is given, or kinds of columns for one that is inferred, or neither.

    Args:
        schema: a `TableSchema`, or None.
        overrides: kind by name of a column, or None.

    Raises:
        ValueError: If one is of another type, or both are given.

    Example:
        >>> from kvae.data.tables.arguments import check_schema
        >>> check_schema(None, {"age": "years"})
        Traceback (most recent call last):
        ValueError: Expected overrides['age'] to be one of 'number', 'integer', 'count', \
'category', 'date', 'drop'. Received: overrides['age']='years'
    """
    if schema is not None and not isinstance(schema, TableSchema):
        raise ValueError(f"Expected schema to be a kvae.data.TableSchema. Received: {schema!r:.80}")
    if schema is not None and overrides is not None:
        raise ValueError(
            "Expected schema, or overrides for one that is inferred. Received: both. Pass "
            "overrides to kvae.data.TableSchema.infer."
        )
    kinds_of(overrides)
