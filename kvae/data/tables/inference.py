"""What the columns of a DataFrame hold, decided from their values."""

import datetime
import decimal
import math
import numbers
from collections import Counter
from typing import Any

import numpy as np

from kvae.data.tables.category import Category
from kvae.data.tables.column import Column, offending, plain, shown
from kvae.data.tables.date import STEPS, Date, as_dates
from kvae.data.tables.fixed import Fixed
from kvae.data.tables.number import Number
from kvae.data.tables.ranged import Ranged

__all__ = ["KINDS", "are_counts", "are_zero_inflated", "infer_column", "log_shift"]

KINDS = ("number", "integer", "count", "category", "date", "drop")
FEW, ROWS_PER_CLASS = 10, 10  # whole numbers of so few values and so many rows each are classes
ID_ROWS = 20  # in fewer rows all values may differ by chance
ID_PAIRS = 10  # of equal numbers that there would be by chance: none is an id (exp(-10) = 5e-5)
MOST_CLASSES = 1000
MOST_DECIMALS = 6
EXACT = 2.0**24  # whole numbers that float32 holds
MEDIAN_COUNT = 20  # larger whole numbers are described as numbers
LONG_TAIL = 2.0  # skewness from which on the logarithm of amounts is taken
OTHER = "other"
# What makes a column of a dtype, by the beginning of its name, one that a table may have.
CONVERSIONS = {
    "timedelta64": ".dt.total_seconds() to numbers",
    "duration": ".dt.total_seconds() to numbers",
    "period": ".dt.to_timestamp() to dates",
    "interval": '.astype(str).astype("category") to classes',
    "dictionary": '.astype("category") to classes',
}
# Dtypes of fewer digits than float64, the names of pandas and Arrow.
NARROW = {"float32": "float32", "float16": "float16", "float[": "float32", "halffloat": "float16"}


def infer_column(
    name: Any, series: Any, kind: str | None, ids: str, rare: int, within_range: bool = True
) -> Column:
    """Return the column of a Series.

    Args:
        name: its name.
        series: its values.
        kind: one of `KINDS` to decide it, None to look at the values.
        ids: "refuse" or "drop".
        rare: rows below which a class of text is joined with others.
        within_range: whether decoded numbers and dates stay in the range of the values.

    Raises:
        ValueError: If the values are of several kinds, of none that a model takes, or of `kind`.
    """
    basic: dict[str, Any] = {"name": plain(name), "dtype": _text(series.dtype)}
    known = series.notna()
    if _is_object(series.dtype):
        basic["none"] = any(value is None for value in series[~known])
    if kind == "drop":
        return Fixed(**basic, kind="dropped", reason="asked for")
    if not known.any():
        return Fixed(**basic, kind="empty", missing=True, reason="without any value")
    held = _held(name, series, known)
    basic["missing"] = not bool(known.all())
    wanted = kind or held
    column: Column
    if wanted == "category" and held == "date":
        row = int(known.to_numpy().argmax())
        expected, hint = "text, numbers or booleans", "Convert dates to text by .astype(str)"
        asked = "The kind 'category' was asked for."
        raise offending(name, expected, row, series.iloc[row], f"{asked} {hint}")
    if wanted == "category":
        column = _category(basic, series[known], rare)
    elif wanted == "date":
        column = _date(basic, series)
    elif held != "number":
        row = int(known.to_numpy().argmax())
        raise offending(
            name, "numbers", row, series.iloc[row], f"The kind {wanted!r} was asked for."
        )
    else:
        column = _number(basic, series, kind)
    if within_range and isinstance(column, Ranged):
        column = column.with_range(series)
    if kind is None and not basic["missing"]:
        constant = _constant(column, series)
        if constant is not None:
            return constant
    if kind is None and _is_id(column, series[known]):
        reason = "an id: all values differ"
        if ids == "drop":
            return Fixed(**basic, kind="dropped", reason=reason)
        raise ValueError(
            f"Expected columns whose values say something of other rows. Received: column "
            f'{shown(name)}, {reason}. Drop it by ids="drop", or name its kind in overrides.'
        )
    if isinstance(column, Category) and len(column.categories) > MOST_CLASSES:
        raise ValueError(
            f"Expected at most {MOST_CLASSES} categories in a column. Received: column "
            f"{shown(name)} with {len(column.categories)}. Join rare ones, convert text to numbers "
            'by pandas.to_numeric, or leave the column out by the kind "drop".'
        )
    return column


def _held(name: Any, series: Any, known: Any) -> str:
    """Return "number", "category" or "date": what the values are, before they are counted."""
    import pandas as pd

    types, dtype = pd.api.types, series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        for value in dtype.categories:
            if not isinstance(value, (str, numbers.Real, np.bool_)):
                raise ValueError(
                    f"Expected categories that are text, numbers or booleans. Received: "
                    f"{shown(value)} in column {shown(name)}"
                )
        return "category"
    if types.is_bool_dtype(dtype) or (types.is_string_dtype(dtype) and not _is_object(dtype)):
        return "category"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    if not _is_object(dtype):
        kinds = [kind for kind in CONVERSIONS if str(dtype).startswith(kind)]
        hint = f". Convert them by {CONVERSIONS[kinds[0]]}" if kinds else ""
        raise ValueError(
            "Expected columns of numbers, text, booleans, categories or dates. Received: column "
            f"{shown(name)} of dtype {dtype}{hint}"
        )
    first = None
    values = series.to_numpy(dtype=object)
    for row in np.flatnonzero(known.to_numpy()):
        value = values[row]
        found = _kind_of(value)
        if found is None or first not in (None, found):
            expected = "text, numbers, booleans or dates" if first is None else f"{first}s alone"
            raise offending(name, expected, int(row), value)
        first = found
    return "number" if first == "number" else "date" if first == "date" else "category"


def _kind_of(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    if isinstance(value, (numbers.Real, decimal.Decimal)):
        return "number"
    if isinstance(value, (datetime.date, np.datetime64)):
        return "date"
    return None


def _number(basic: dict[str, Any], series: Any, kind: str | None) -> Column:
    """Return the column of numbers: of classes, counts, whole numbers or others."""
    import pandas as pd

    if _is_object(series.dtype):  # numbers of Python come back as a dtype of numbers
        basic = {**basic, "dtype": "float64"}
    plain = Number(**basic, kind="number")
    values = plain.numbers(series)
    values = values[~np.isnan(values)]
    whole = bool(np.all(values == np.rint(values)))
    low, high = float(values.min()), float(values.max())
    distinct = series.nunique()  # of its own values, which float64 may round
    if kind == "count" and not (whole and low >= 0):
        raise ValueError(
            f"Expected column {shown(basic['name'])} to hold counts, whole numbers of at least 0. "
            f"Received: numbers in [{low:g}, {high:g}]{'' if whole else ', not all whole'}"
        )
    if kind == "integer" and not whole:
        row = int(np.argmax(plain.numbers(series) % 1 > 0))
        raise offending(basic["name"], "whole numbers", row, series.iloc[row])
    few = distinct <= FEW and len(values) >= ROWS_PER_CLASS * distinct
    bits = low >= 0.0 and high <= 1.0
    if kind is None and whole and (bits or few) and distinct > 1:
        return _category(basic, series[series.notna()], 0)
    chosen = kind or ("count" if are_counts(values) else "integer" if whole else "number")
    decimals = 0 if whole else _decimals(values, basic["dtype"])
    if chosen == "count":
        zeros = are_zero_inflated(values)
        return Number(**basic, kind="count", decimals=0, zero_inflated=zeros)
    shift = log_shift(values)
    offset: float = 0
    largest, span = max(abs(low), abs(high)), high - low
    step = 10.0**-decimals if decimals is not None else span / EXACT
    if shift is None and largest > EXACT * step and span < 2.0**53 * step and largest > span:
        offset = low
        if whole:
            integers = pd.api.types.is_integer_dtype(series.dtype)
            offset = int(series.dropna().min()) if integers else int(low)
    return Number(**basic, kind=chosen, decimals=decimals, offset=offset, shift=shift)


def _decimals(values: np.ndarray, dtype: str) -> int | None:
    """Return the number of decimals with which all values are exact, None if they need more."""
    stored = next((each for name, each in NARROW.items() if dtype.lower().startswith(name)), None)
    stored = stored or "float64"
    for decimals in range(1, MOST_DECIMALS + 1):
        if np.array_equal(np.round(values, decimals).astype(stored), values.astype(stored)):
            return decimals
    return None


def are_counts(values: np.ndarray) -> bool:
    """Return whether numbers, without missing ones, look like counts.

    Small whole numbers from 0 or 1 on, which vary at least as much as a Poisson's.
    """
    if not len(values) or values.min() not in (0.0, 1.0) or not np.all(values == np.rint(values)):
        return False
    return bool(values.var() >= values.mean() and np.median(values) < MEDIAN_COUNT)


def are_zero_inflated(counts: np.ndarray) -> bool:
    """Return whether zero is a case of its own among counts: the other ones are large.

    A negative binomial with so many zeros has as many ones, twos and threes. Of 32,561 capital
    gains 92% are zero and none is below 100; the best negative binomial draws 3.5% there, and its
    Kolmogorov-Smirnov distance to them is 0.053. That of a zero-inflated one is 0.018.

    Args:
        counts: whole numbers of at least 0, without missing ones.
    """
    positive = counts[counts > 0]
    some = 0 < len(positive) < len(counts)
    return bool(some and np.median(positive) >= MEDIAN_COUNT)


def log_shift(values: np.ndarray) -> float | None:
    """Return the shift of a logarithm that makes a long tail shorter, None for no logarithm.

    Args:
        values: numbers, without missing ones.
    """
    positive = values[values > 0]
    if len(values) < ID_ROWS or values.min() < 0 or not len(positive):
        return None
    whole = np.all(values == np.rint(values))
    shift = 1.0 if whole else float(np.quantile(positive, 0.05))
    shift = float(f"{max(shift, 1e-30):.1g}")
    skewness = _skewness(values)
    if skewness <= LONG_TAIL or abs(_skewness(np.log(values + shift))) >= skewness / 2:
        return None
    return shift


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    deviation = math.sqrt(float(np.mean(centred**2)))
    return float(np.mean((centred / deviation) ** 3)) if deviation > 0 else 0.0


def _category(basic: dict[str, Any], observed: Any, rare: int) -> Category:
    """Return the column of classes; `observed` is the Series without missing values."""
    import pandas as pd

    more: dict[str, Any] = {}
    if isinstance(observed.dtype, pd.CategoricalDtype):
        index = observed.dtype.categories
        more = {"ordered": bool(observed.dtype.ordered), "categories_dtype": _text(index.dtype)}
        categories = [plain(value) for value in index]
    else:
        try:
            values = {plain(value) for value in observed}
            categories = sorted(values)
        except TypeError:
            raise ValueError(
                f"Expected column {shown(basic['name'])} to hold classes of one type: text, "
                f"numbers or booleans. Received: {shown(observed.iloc[0])} among them"
            ) from None
    if rare and all(isinstance(value, str) for value in categories):
        counts = Counter(observed)
        kept = [each for each in categories if counts[each] >= rare]
        if len(kept) < len(categories):
            categories = [*kept, *([] if OTHER in kept else [OTHER])]
            more["other"] = OTHER
    return Category(**basic, kind="category", categories=tuple(categories), **more)


def _date(basic: dict[str, Any], series: Any) -> Date:
    """Return the column of dates."""
    dates = as_dates(series, basic["name"])
    zone = getattr(dates.dt, "tz", None)
    days = _is_object(series.dtype) and all(
        not isinstance(value, datetime.datetime) for value in series[series.notna()]
    )
    unit = np.datetime_data(dates.dtype.base if zone is None else dates.dt.tz_localize(None).dtype)
    basic = {**basic, "dtype": "object" if days else basic["dtype"]}
    if _is_object(series.dtype) and not days:
        basic["dtype"] = str(dates.dtype)
    name = None if zone is None else _zone(zone, dates, basic["name"])
    if zone is not None and "pyarrow" not in basic["dtype"]:
        basic["dtype"] = f"datetime64[{unit[0]}, {name}]"
    column = Date(**basic, kind="date", unit=unit[0], zone=name, days=days)
    ticks = column.ticks(series)[series.notna().to_numpy()]
    start = int(ticks.min())
    lengths = {step: size // STEPS[unit[0]] for step, size in STEPS.items()}
    whole = (s for s, n in lengths.items() if n >= 1 and not np.any((ticks - start) % n))
    step = next(whole)  # of the unit itself all values are multiples
    return Date(**basic, kind="date", unit=unit[0], zone=name, days=days, start=start, step=step)


def _zone(zone: Any, dates: Any, name: Any) -> str:
    """Return the name of a time zone, by which pandas finds it again."""
    import pandas as pd

    text = str(zone)
    for candidate in (text, f"UTC{dates.dropna().iloc[0].strftime('%z')}"):
        try:
            again = dates.dt.tz_convert(candidate)
        except Exception:  # noqa: S112 (pandas' time zones raise errors of many kinds)
            continue
        if (again.dt.tz_localize(None).dropna() == dates.dt.tz_localize(None).dropna()).all():
            return candidate
    raise ValueError(
        f"Expected column {shown(name)} to have a time zone with a name, such as "
        f"{pd.Timestamp.now('UTC').tz}. Received: {text}"
    )


def _text(dtype: Any) -> str:
    """Return a dtype as text by which pandas finds it again."""
    import pandas as pd

    text = str(dtype)
    if isinstance(dtype, pd.ArrowDtype) and text == "string[pyarrow]":  # that of StringDtype
        return "utf8[pyarrow]"
    # Alone "string" means the storage that is the default where it is read.
    return (
        f"string[{dtype.storage}]"
        if isinstance(dtype, pd.StringDtype) and text == "string"
        else text
    )


def _is_object(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _constant(column: Column, series: Any) -> Fixed | None:
    """Return the constant column, None if the values differ."""
    values = column.encode(series)
    if np.any(values != values[0]):
        return None
    basic: dict[str, Any] = {"name": column.name, "dtype": column.dtype, "value": float(values[0])}
    return Fixed(**basic, kind="constant", column=column, reason="all values equal")


def _is_id(column: Column, observed: Any) -> bool:
    """Return whether the values only tell rows apart."""
    if len(observed) < ID_ROWS or isinstance(column, Date):
        return False
    if isinstance(column, Category):
        return len(set(observed)) == len(observed) and isinstance(column.categories[0], str)
    if column.kind in ("integer", "count") and observed.is_unique:
        return bool(observed.is_monotonic_increasing) or _never_repeats(observed)
    return False


def _never_repeats(observed: Any) -> bool:
    """Return whether whole numbers that all differ would hardly do so by chance.

    Of n numbers drawn evenly from m, n (n - 1) / 2m pairs are equal on average, and of those drawn
    otherwise more.
    """
    n, span = len(observed), int(observed.max()) - int(observed.min()) + 1
    return n * (n - 1) > 2 * ID_PAIRS * span
