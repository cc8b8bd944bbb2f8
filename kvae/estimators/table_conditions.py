"""Conditions on the columns of generated rows: equality, and ranges of numbers and dates."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kvae.data import TableSchema
from kvae.data.tables.category import Category
from kvae.data.tables.column import plain

__all__ = ["Conditions"]

LEAST_DRAWS, MOST_DRAWS = 1_000, 20_000  # rows that are drawn at once


class Conditions:
    """Which rows of the array of a schema fulfil what is asked of their columns.

    Args:
        schema: of the table.
        conditions: by name of a column: a value; or (low, high), both included, for numbers and
            dates.

    Raises:
        ValueError: If a column is not modelled, or a value is none of its column.

    Example:
        >>> import pandas as pd
        >>> from kvae.estimators.table_conditions import Conditions
        >>> frame = pd.DataFrame({"sex": ["F", "M", "F"], "age": [20.5, 31.0, 44.0]})
        >>> schema = kvae.data.TableSchema.infer(frame)
        >>> conditions = Conditions(schema, {"sex": "F", "age": (18, 30)})
        >>> conditions.hold(schema.to_array(frame))
        array([ True, False, False])
    """

    def __init__(self, schema: TableSchema, conditions: Mapping[Any, Any]):
        if not isinstance(conditions, Mapping):
            raise ValueError(
                'Expected conditions by name of a column, such as {"sex": "F"}. Received: '
                f"{conditions!r:.80}"
            )
        self.conditions = dict(conditions)
        self.ranges = dict(_range(schema, *each) for each in conditions.items())

    def hold(self, x: np.ndarray) -> np.ndarray:
        """Return which rows fulfil all conditions, (rows,); a missing value fulfils none.

        Args:
            x: array of the schema, (rows, width), of valid values.
        """
        held = np.ones(len(x), bool)
        for place, (low, high) in self.ranges.items():
            held &= (x[:, place] >= low) & (x[:, place] <= high)
        return held

    def rows(self, draw: Callable[[int], np.ndarray], n: int, most: int) -> np.ndarray:
        """Return `n` drawn rows that fulfil all conditions, (n, width).

        Args:
            draw: function of a number of rows that returns so many, valid ones.
            n: number of rows.
            most: rows that are drawn, at most.

        Raises:
            ValueError: If too few of the drawn rows fulfil the conditions.
        """
        parts: list[np.ndarray] = []
        drawn = found = 0
        while found < n and drawn < most:
            # As many as the rate so far asks for; at first half of the rows are expected to do.
            rate = max(found / drawn, 1e-9) if drawn else 0.5
            batch = int(min(max(LEAST_DRAWS, 1.1 * (n - found) / rate), MOST_DRAWS, most - drawn))
            x = draw(batch)
            parts.append(x[self.hold(x)])
            drawn, found = drawn + batch, found + len(parts[-1])
        if found < n:
            raise ValueError(
                f"Expected conditions that {n} of at most {most} drawn rows fulfil. Received: "
                f"conditions={self.conditions!r}, which {found} of {drawn} rows fulfil (rate "
                f"{found / drawn:.2g}). Ask for fewer rows or wider ranges, or raise most_draws."
            )
        return np.concatenate(parts)[:n]


def _range(schema: TableSchema, name: Any, value: Any) -> tuple[int, tuple[float, float]]:
    """Return the place of a column in the array, and the numbers that it may hold there."""
    by_name = {column.name: place for place, column in enumerate(schema.modelled)}
    if name not in by_name:
        rest = {column.name: column for column in schema.columns}
        known = f"which is {rest[name].kind}" if name in rest else "which the table does not have"
        raise ValueError(
            f"Expected conditions on the columns {', '.join(map(repr, by_name))}. Received: one "
            f"on {name!r}, {known}"
        )
    column = schema.modelled[by_name[name]]
    what = f"conditions[{name!r}]"
    if isinstance(column, Category):
        classes = list(column.categories)
        value = plain(value)  # as the classes are
        if isinstance(value, (list, tuple, set, dict, np.ndarray)) or value not in classes:
            listed = ", ".join(map(repr, classes[:10])) + (", ..." if len(classes) > 10 else "")
            raise ValueError(f"Expected {what} to be one of {listed}. Received: {value!r:.80}")
        place = float(classes.index(value))
        return by_name[name], (place, place)
    pair = list(value) if isinstance(value, (tuple, list)) else [value, value]
    low, high = _numbers(column, pair, what, value)
    if not low <= high:
        raise ValueError(
            f"Expected {what} to be a value or (low, high) with low <= high. Received: {value!r}"
        )
    return by_name[name], (low, high)


def _numbers(column: Any, pair: list[Any], what: str, value: Any) -> tuple[float, float]:
    """Return the two ends of a range as numbers of the array."""
    import pandas as pd

    expected = "dates" if column.kind == "date" else "numbers"
    error = ValueError(
        f"Expected {what} to be one of the column's {expected}, or (low, high). Received: "
        f"{value!r:.80}"
    )
    text = expected == "numbers" and any(isinstance(each, (str, bytes, bool)) for each in pair)
    if text or len(pair) != 2:
        raise error
    try:
        # A bound may be infinite, or no valid value of the column, such as -1 of counts.
        if expected == "numbers":
            low, high = (_less(plain(each), column.offset) for each in pair)
        else:
            dates = pd.Series([pd.Timestamp(each) for each in pair])
            zone = getattr(column, "zone", None)
            if zone is not None and dates.dt.tz is None:
                dates = dates.dt.tz_localize(zone)
            low, high = column.encode(dates).tolist()
    except (TypeError, ValueError) as cause:
        raise error from cause
    # As the array holds them.
    return float(np.float32(low)), float(np.float32(high))


def _less(bound: Any, offset: float) -> float:
    """Return a number less the offset of its column; whole numbers may be beyond float64."""
    whole = isinstance(bound, int) and isinstance(offset, int)
    return float(bound - offset) if whole else float(bound) - offset
