"""Tables from .csv and .parquet files, with what a reader of text has to guess."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kvae.cli.table_cells import (
    gaps_of,
    keep_codes,
    keep_spaces,
    keep_whole,
    read_csv,
    tell_words,
    with_classes,
)
from kvae.cli.terminal import first_sentence
from kvae.cli.text_values import are_dates, are_numbers, is_iso_date, is_missing, is_number

__all__ = ["TABLES", "check_suffix", "compressed", "read_table"]

TABLES = (".csv", ".parquet")
# What compressed files begin with.
COMPRESSED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"(\xb5/\xfd"}
COMPRESSED |= {"zip": b"PK\x03\x04"}
SEPARATORS = ";\t|"  # of values, instead of commas
MOSTLY = 0.5  # share of numbers or dates from which on other text is taken for a mistake
FEW = 10  # so many different values are classes, whatever they look like
DAYS = (19000101, 21001231)  # whole numbers that look like dates


def read_table(
    path: Path, option: str, schema: Any = None, kinds: Mapping[str, str] | None = None
) -> Any:
    """Return the pandas DataFrame of a .csv or .parquet file.

    Of a .csv file the first line names the columns. Text that is dates of ISO 8601 throughout
    becomes dates, of UTC where they have several offsets; whole numbers of which some have leading
    zeros are codes and stay text. Whole numbers of 2**53 and more beside missing ones are Int64,
    which does not round them. A warning names columns of text that looks like dates of another
    form or like numbers with units or separators, and those of which a word is taken as missing.

    Of a .parquet file an index with a name, or of dates, becomes columns, the first ones.

    Args:
        path: the file.
        option: name of the option that named it, for messages.
        schema: the `kvae.data.TableSchema` of the table where it is known. Its classes of text are
            read as text, whatever they look like: a file may hold only the 1 and 2 of the classes
            1, 2 and A. So is what it leaves out, which then stays as it is written. Beside its
            classes that are numbers or booleans, other values may stand. None of its other columns
            becomes codes.
        kinds: kind by name of a column, as `overrides` of `kvae.data.TableSchema.infer`, where the
            user named some. Text of a category stays text, codes of a number become numbers.

    Raises:
        ValueError: If pandas cannot read it, or it is not as above; the message names column and
            row, counted from 0.
    """
    import pandas as pd

    known = {} if schema is None else _types_of_classes(schema)
    left_out = {} if schema is None else _left_out(schema)
    text = [*(name for name, kind in known.items() if kind is str), *left_out]
    classes = {name: kind for name, kind in known.items() if kind in (bool, int, float)}
    kinds = {**left_out, **(kinds or {})}
    loose = {name for name, kind in kinds.items() if kind in ("category", "drop")} | {*classes}
    numbers = kinds.keys() - {name for name, kind in kinds.items() if kind in ("category", "date")}
    plain = path.suffix.lower() == ".csv"
    try:
        if not plain:
            return _with_index(pd.read_parquet(path))
        header = read_csv(path, header=None, nrows=1, dtype=str)
        first = read_csv(path, nrows=1, dtype=str)
        settings = gaps_of(first.columns, left_out) if left_out else {}
        frame = read_csv(path, low_memory=False, dtype=dict.fromkeys(text, str), **settings)
    except Exception as error:  # of the parsers, of encodings, of memory
        hint = ". Store it in UTF-8" if isinstance(error, UnicodeError) else ""
        raise ValueError(
            f"Expected {option} to be a table that pandas can read. Received: {str(path)!r} "
            f"({type(error).__name__}: {first_sentence(error)}){compressed(path) or hint}"
        ) from error
    _check_header(frame, first, header.iloc[0].dropna().tolist(), path, option)
    kept = {*text, *loose, *keep_codes(frame, path, option, {*known, *numbers})}
    keep_spaces(frame, path, {} if schema is None else _classes(schema))
    for place, name in enumerate(frame.columns):
        if pd.api.types.is_integer_dtype(frame.dtypes.iloc[place]):
            if name not in kinds:
                _check_days(frame[name], option)
        elif not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place]) and name not in kept:
            frame[name] = _typed(frame[name], option)
        elif name in classes and not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place]):
            frame[name] = with_classes(frame[name], classes[name])
    keep_whole(frame, path, {name for name, kind in classes.items() if kind is float})
    tell_words(frame, path, option)
    return frame


def _types_of_classes(schema: Any) -> dict[Any, type | None]:
    """Return the type of the classes of a column, None where it has none, by the names of columns.

    The first class says it: the class of unknown values, the last one, is text among numbers too.
    """
    return {name: type(each[0]) if each else None for name, each in _classes(schema).items()}


def _classes(schema: Any) -> dict[Any, Sequence[Any]]:
    """Return the classes of columns, none where it has none, by the names of the columns."""
    columns = [getattr(each, "column", None) or each for each in schema.columns]  # of constants
    return {column.name: getattr(column, "categories", ()) for column in columns}


def _left_out(schema: Any) -> dict[Any, str]:
    """Return the kind "drop" by the names of the columns that a schema does not read."""
    return {column.name: "drop" for column in schema.columns if column.kind == "dropped"}


def _with_index(frame: Any) -> Any:
    """Return a table with its index as columns where that says something of the rows."""
    import pandas as pd

    index = frame.index
    told = any(name is not None for name in index.names) or isinstance(index, pd.DatetimeIndex)
    return frame.reset_index() if told else frame


def compressed(path: Path) -> str:
    """Return the end of a message about a file that is compressed; "" where it is not."""
    with path.open("rb") as file:
        start = file.read(6)
    kinds = [kind for kind, magic in COMPRESSED.items() if start.startswith(magic)]
    if path.suffix.lower() not in TABLES:  # .npz files and others are archives of zip
        kinds = [kind for kind in kinds if kind != "zip"]
    return f". It is compressed ({kinds[0]}): decompress it first" if kinds else ""


def check_suffix(output: Path, suffixes: Sequence[str] = TABLES) -> None:
    """Raise unless a file to be written ends in one of the suffixes."""
    if output.suffix.lower() not in suffixes:
        *others, last = suffixes
        raise ValueError(
            f"Expected --output to end in {', '.join(others)} or {last}. Received: {str(output)!r}"
        )


def _check_header(frame: Any, first: Any, names: Sequence[str], path: Path, option: str) -> None:
    """Raise where the first line does not name each column, or all columns are one.

    Args:
        frame: what pandas read.
        first: its first row, as text.
        names: what stands in the first line, without empty names.
        path: the file.
        option: name of the option that named it.
    """
    import pandas as pd

    received = f"Received: {str(path)!r}, whose first line is {', '.join(names)[:80]!r}"
    other = _separator(frame, names)
    if other is not None:
        raise ValueError(
            f"Expected {option} to be a table of values with commas between them. {received}. Read "
            f"it by pandas.read_csv(path, sep={other!r}), with decimal=',' where numbers have "
            "commas, and write it by to_csv(path, index=False)"
        )
    # Pandas takes the first values for its index, which of numbers may be a RangeIndex too.
    if not isinstance(first.index, pd.RangeIndex):
        raise ValueError(
            f"Expected {option} to name its columns in the first line. {received}, with fewer "
            "names than there are values in a row"
        )
    if all(is_number(name) for name in names) and not all(name.isdigit() for name in names):
        raise ValueError(f"Expected {option} to name its columns in the first line. {received}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"Expected {option} to have columns of different names. Received: {str(path)!r}, with "
            f"{repeated[0]!r:.80} {names.count(repeated[0])} times"
        )


def _separator(frame: Any, names: Sequence[str]) -> str | None:
    """Return what stands between the values in the place of commas; None where commas do."""
    if len(names) == 1:
        return next((mark for mark in names[0] if mark in SEPARATORS), None)
    for name in frame.columns:  # commas in names and decimal commas make columns of it
        values = frame[name].dropna()
        for mark in SEPARATORS:
            if mark in str(name) and len(values) and all(mark in str(each) for each in values):
                return mark
    return None


def _typed(series: Any, option: str) -> Any:
    """Return a column of text, or of dates where all of it is; raise where most is numbers."""
    text = series.dropna()
    text = text[[isinstance(value, str) for value in text]]
    if not len(text):
        return series
    distinct = list(dict.fromkeys(text))
    dates = {value: is_iso_date(value) for value in distinct}
    if all(dates.values()):
        return _dates(series, option)
    numbers = {value: is_number(value) for value in distinct}
    marked = any(numbers.values()) and all(numbers[each] or is_missing(each) for each in distinct)
    for kind, found in (("dates", dates), ("numbers", numbers)):
        share = np.mean([found[value] for value in text])
        if MOSTLY < share < 1.0 or (kind == "numbers" and marked):
            odd = [row for row, value in text.items() if not found[value]]
            if odd:  # Python reads some numbers that pandas does not: 1_000, digits of all scripts
                raise _odd(series, kind, option, odd, text[odd[0]])
    if len(distinct) > FEW:
        told = f"Column {str(series.name)!r:.80} of {option} is read as text. Values such as "
        if are_dates(distinct):
            warnings.warn(
                f"{told}{distinct[0]!r:.40} look like dates: write them as 2024-12-31 to have them "
                "read as dates",
                stacklevel=2,
            )
        elif all(numbers.values()):
            warnings.warn(
                f"{told}{distinct[0]!r:.40} are not read as numbers: write them with the digits 0 "
                "to 9 alone, between -2**63 and 2**63, to have them read as numbers",
                stacklevel=2,
            )
        elif are_numbers(distinct):
            warnings.warn(
                f"{told}{distinct[0]!r:.40} look like numbers: write them without units and "
                "separators of thousands, as 1234.5, to have them read as numbers",
                stacklevel=2,
            )
    return series


def _odd(series: Any, kind: str, option: str, rows: list[Any], value: str) -> ValueError:
    """Return the error about text in a column of numbers or dates: its rows, the first value."""
    hint = "Leave missing values empty"
    if kind == "numbers" and are_numbers([value]):
        hint = "Write numbers without units and separators of thousands, as 1234.5"
    elif kind == "dates" and are_dates([value]):
        hint = "Write all dates as 2024-12-31"
    if len(rows) > 1:
        hint += f"; {len(rows)} cells of the column are no {kind}"
    if kind == "numbers" and not is_missing(value):
        hint += f'. Where they are classes, kvae train takes --column "{series.name}=category"'
        hint += ", but not with --window"
    most = "some" if is_missing(value) else "most"
    return ValueError(
        f"Expected column {str(series.name)!r:.80} of {option} to hold {kind}, as {most} of it "
        f"does. Received: {value!r:.80} in row {rows[0]}. {hint}"
    )


def _dates(series: Any, option: str) -> Any:
    """Return dates of a column of text in the form of ISO 8601."""
    import pandas as pd

    try:
        return pd.to_datetime(series, format="ISO8601")
    except (ValueError, OverflowError):  # 2024-02-30, or several offsets from UTC
        pass
    dates = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    wrong = dates.isna() & series.notna()
    if wrong.any():
        row = wrong.idxmax()
        raise ValueError(
            f"Expected column {str(series.name)!r:.80} of {option} to hold dates. Received: "
            f"{series[row]!r:.80} in row {row}"
        )
    return dates


def _check_days(series: Any, option: str) -> None:
    """Warn where whole numbers look like dates without dashes."""
    values = series.to_numpy()
    if not len(values) or values.min() < DAYS[0] or values.max() > DAYS[1]:
        return
    month, day = values // 100 % 100, values % 100
    if np.all((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)) and len(set(values)) > FEW:
        warnings.warn(
            f"Column {str(series.name)!r:.80} of {option} is read as whole numbers. Values such as "
            f"'{values[0]}' look like dates: write them as 2024-12-31 to have them read as dates",
            stacklevel=2,
        )
