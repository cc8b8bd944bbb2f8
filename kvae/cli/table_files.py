"""Tables from .csv and .parquet files, with what a reader of text has to guess."""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kvae.cli.terminal import first_sentence
from kvae.cli.text_values import are_dates, are_numbers, is_iso_date, is_missing, is_number

__all__ = ["TABLES", "check_suffix", "compressed", "read_table", "write_table"]

TABLES = (".csv", ".parquet")
# What compressed files begin with. Archives of zip are not among them: .npz files are such.
COMPRESSED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"(\xb5/\xfd"}
MOSTLY = 0.5  # share of numbers or dates from which on other text is taken for a mistake
FEW = 10  # so many different values are classes, whatever they look like
DAYS = (19000101, 21001231)  # whole numbers that look like dates
LOOKED_AT = 1000  # rows in which numbers with leading zeros are looked for


def read_table(path: Path, option: str) -> Any:
    """Return the pandas DataFrame of a .csv or .parquet file.

    Of a .csv file the first line names the columns, and text that is dates of ISO 8601 throughout
    becomes dates, of UTC where they have several offsets. A warning names columns of text that
    looks like dates of another form or like numbers with units or separators.

    Args:
        path: the file.
        option: name of the option that named it, for messages.

    Raises:
        ValueError: If pandas cannot read it, or it is not as above; the message names column and
            row, counted from 0.
    """
    import pandas as pd

    plain = path.suffix.lower() == ".csv"
    try:
        if not plain:
            return pd.read_parquet(path)
        frame = _read_csv(path, low_memory=False)
        header = _read_csv(path, header=None, nrows=1, dtype=str)
        start = _read_csv(path, nrows=LOOKED_AT, dtype=str)
    except Exception as error:  # of the parsers, of encodings, of memory
        hint = ". Store it in UTF-8" if isinstance(error, UnicodeError) else ""
        raise ValueError(
            f"Expected {option} to be a table that pandas can read. Received: {str(path)!r} "
            f"({type(error).__name__}: {first_sentence(error)}){compressed(path) or hint}"
        ) from error
    _check_header(frame, header.iloc[0].dropna().tolist(), path, option)
    for place, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place]):
            frame[name] = _typed(frame[name], option)
        elif pd.api.types.is_integer_dtype(frame.dtypes.iloc[place]):
            _check_codes(frame[name], start[name], option)
    return frame


def _read_csv(path: Path, **settings: Any) -> Any:
    import pandas as pd

    return pd.read_csv(path, skipinitialspace=True, **settings)


def compressed(path: Path) -> str:
    """Return the end of a message about a file that is compressed; "" where it is not."""
    with path.open("rb") as file:
        start = file.read(6)
    kinds = [kind for kind, magic in COMPRESSED.items() if start.startswith(magic)]
    return f". It is compressed ({kinds[0]}): decompress it first" if kinds else ""


def check_suffix(output: Path, suffixes: Sequence[str] = TABLES) -> None:
    """Raise unless a file to be written ends in one of the suffixes."""
    if output.suffix.lower() not in suffixes:
        *others, last = suffixes
        raise ValueError(
            f"Expected --output to end in {', '.join(others)} or {last}. Received: {str(output)!r}"
        )


def write_table(frame: Any, path: Path) -> None:
    """Write a DataFrame without its index as .csv, or as .parquet."""
    if path.suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)


def _check_header(frame: Any, names: Sequence[str], path: Path, option: str) -> None:
    """Raise where the first line does not name each column, or all columns are one.

    Args:
        frame: what pandas read.
        names: what stands in the first line, without empty names.
        path: the file.
        option: name of the option that named it.
    """
    import pandas as pd

    received = f"Received: {str(path)!r}, whose first line is {', '.join(names)[:80]!r}"
    other = re.search(r"[;\t|]", names[0]) if len(names) == 1 else None
    if other:
        raise ValueError(
            f"Expected {option} to be a table of values with commas between them. {received}. Read "
            f"it by pandas.read_csv(path, sep={other[0]!r}), with decimal=',' where numbers have "
            "commas, and write it by to_csv(path, index=False)"
        )
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first values for its index
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
            raise _odd(series, kind, option, odd, text[odd[0]])
    if len(distinct) > FEW:
        told = f"Column {str(series.name)!r:.80} of {option} is read as text. Values such as "
        if are_dates(distinct):
            warnings.warn(
                f"{told}{distinct[0]!r:.40} look like dates: write them as 2024-12-31 to have them "
                "read as dates",
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


def _check_codes(series: Any, start: Any, option: str) -> None:
    """Warn where whole numbers look like something else: dates without dashes, or codes."""
    told = f"Column {str(series.name)!r:.80} of {option} is read as whole numbers. Values such as "
    zeros = [value for value in start.dropna() if re.fullmatch(r"0\d+", value.strip())]
    if zeros:
        warnings.warn(
            f"{told}{zeros[0]!r:.40} lose their leading zeros: put a letter before them to have "
            "them read as text",
            stacklevel=2,
        )
        return
    values = series.to_numpy()
    if not len(values) or values.min() < DAYS[0] or values.max() > DAYS[1]:
        return
    month, day = values // 100 % 100, values % 100
    if np.all((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)) and len(set(values)) > FEW:
        warnings.warn(
            f"{told}'{values[0]}' look like dates: write them as 2024-12-31 to have them read as "
            "dates",
            stacklevel=2,
        )
