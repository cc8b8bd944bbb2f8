"""What pandas reads of a .csv file in another way than it is written: codes, numbers, words.

Codes such as 01234 would be numbers without their zeros, large whole numbers beside missing ones
would be rounded, and words such as None missing values.
"""

import re
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "gaps_of",
    "keep_codes",
    "keep_spaces",
    "keep_whole",
    "read_csv",
    "tell_words",
    "with_classes",
]

CODE = r"0\d+"  # such as a postal code: no number is written with leading zeros
WHOLE = r"[-+]?\d+"
DIGITS = 18  # of whole numbers that int64 holds; longer ones are codes too
# What `pandas.read_csv` takes as missing, by its documentation of na_values.
GAPS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"})
GAPS |= {"#N/A", "#N/A N/A", "#NA", "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
BOOLEANS = {"true": True, "false": False}  # in any case
CLASSES = ("NA", "None")  # words that pandas takes as missing and that may well be classes
# Whether a file may hold some; a look at its bytes is faster than to read it once more.
ZEROS = re.compile(rb"(^|,)[ \"]*0\d+[ \"]*(,|\r?$)", re.MULTILINE)
WORDS = re.compile(rb"(^|,)[ \"]*(NA|None)[ \"]*(,|\r?$)", re.MULTILINE)


def read_csv(path: Path, **settings: Any) -> Any:
    """Return the DataFrame of a .csv file, by `pandas.read_csv` with further settings."""
    import pandas as pd

    return pd.read_csv(path, **{"skipinitialspace": True, **settings})


def gaps_of(columns: Collection[Any], kept: Collection[Any]) -> dict[str, Any]:
    """Return the settings of `read_csv` by which words such as None stay in some columns.

    Args:
        columns: names of all columns.
        kept: names of those in which only empty cells are missing values.
    """
    words = {name: [""] if name in kept else sorted(GAPS) for name in columns}
    return {"keep_default_na": False, "na_values": words}


def keep_codes(frame: Any, path: Path, option: str, known: Collection[Any]) -> list[Any]:
    """Make columns of codes, such as 01234, the text that the file holds; return their names.

    Args:
        frame: what `read_csv` read, which is changed.
        path: the file.
        option: name of the option that named it, for messages.
        known: names of columns that stay what they are.
    """
    import pandas as pd

    asked = [place for place, name in enumerate(frame.columns) if name not in known]
    long = [place for place in asked if _are_long(frame.iloc[:, place])]
    dtypes = [frame.dtypes.iloc[place] for place in asked]
    whole = [p for p, d in zip(asked, dtypes, strict=True) if pd.api.types.is_numeric_dtype(d)]
    if not long and not (whole and ZEROS.search(path.read_bytes())):
        return []  # without reading it once more
    codes = []
    written = read_csv(path, usecols=sorted({*whole, *long}), dtype=str)
    for place in long:  # beside such numbers pandas keeps empty cells as text
        name = frame.columns[place]
        frame[name] = frame[name].where(written[name].notna())
    beyond = {frame.columns[place] for place in long}
    for name in written.columns:
        values = written[name].dropna().str.strip()
        if not len(values) or not values.str.fullmatch(r"\d+").all():
            continue
        zeros = values[values.str.fullmatch(CODE)]
        if not len(zeros) and (name not in beyond or values.str.len().max() <= DIGITS):
            continue
        frame[name] = values.reindex(frame.index)
        codes.append(name)
        if len(zeros):
            warnings.warn(
                f"Column {str(name)!r:.80} of {option} is read as text: values such as "
                f"{zeros.iloc[0]!r:.40} have leading zeros, which numbers have not",
                stacklevel=3,
            )
    return codes


def _are_long(series: Any) -> bool:
    """Return whether whole numbers are beyond int64, among others or missing values too."""
    import pandas as pd

    if series.dtype == np.uint64:
        return True
    if pd.api.types.is_string_dtype(series.dtype):
        for value in series:  # to the first one that is no whole number
            text = value.strip() if isinstance(value, str) else "" if pd.isna(value) else None
            digits = "" if text is None else text.removeprefix("-")
            if digits.isdecimal() and len(digits) > DIGITS:
                return True
            if text is None or not (digits.isdecimal() or text in GAPS):
                break
    return series.dtype.kind == "O" and pd.api.types.infer_dtype(series, skipna=True) == "integer"


def keep_whole(frame: Any, path: Path, known: Collection[Any]) -> None:
    """Give columns of whole numbers with gaps, beyond what float64 holds, the dtype Int64.

    Args:
        frame: what `read_csv` read, which is changed.
        path: the file.
        known: names of columns that stay what they are.
    """
    import pandas as pd

    asked = [place for place, name in enumerate(frame.columns) if name not in known]
    rounded = [place for place in asked if _is_rounded(frame.iloc[:, place])]
    written = read_csv(path, usecols=rounded, dtype=str) if rounded else frame.iloc[:, :0]
    for name in written.columns:
        cells = written[name].str.strip()
        if cells.dropna().str.fullmatch(WHOLE).all():
            numbers = [pd.NA if pd.isna(cell) else int(cell) for cell in cells]
            if all(number is pd.NA or -(2**63) <= number < 2**63 for number in numbers):
                frame[name] = pd.array(numbers, dtype="Int64")


def _is_rounded(series: Any) -> bool:
    """Return whether whole numbers with gaps, in float64, may be others than are written."""
    if series.dtype != np.float64 or not series.isna().any():
        return False
    values = series.dropna().to_numpy()
    return bool(np.all(values == np.rint(values)) and np.any(np.abs(values) >= 2.0**53))


def with_classes(series: Any, kind: type) -> Any:
    """Return a column of text with booleans or numbers in the place of the cells that are some.

    Args:
        series: the column.
        kind: bool, int or float, the type of its classes.
    """
    import pandas as pd

    cells = series.dropna().unique()
    if kind is bool:
        found = {cell: BOOLEANS.get(str(cell).strip().casefold(), cell) for cell in cells}
    else:
        numbers = {cell: pd.to_numeric(cell, errors="coerce") for cell in cells}
        found = {cell: cell if np.isnan(read) else read for cell, read in numbers.items()}
    return series.astype(object).map(lambda cell: found.get(cell, cell))


def tell_words(frame: Any, path: Path, option: str) -> None:
    """Warn of columns of text in which a word that may be a class is taken as missing."""
    import pandas as pd

    text = [
        place
        for place, dtype in enumerate(frame.dtypes)
        if not pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_datetime64_any_dtype(dtype)
        and frame.iloc[:, place].isna().any()
        and frame.iloc[:, place].notna().any()
    ]
    if not text or not WORDS.search(path.read_bytes()):
        return
    written = read_csv(path, usecols=text, dtype=str, keep_default_na=False)
    for name in written.columns:
        for word, count in written[name][frame[name].isna()].value_counts().items():
            if word in CLASSES:
                warnings.warn(
                    f"{word!r} in column {str(name)!r:.80} of {option} is read as a missing value, "
                    f"in {count} rows: write another word if it is a class",
                    stacklevel=3,
                )


def keep_spaces(frame: Any, path: Path, classes: Mapping[Any, Collection[Any]]) -> None:
    """Give cells the spaces that they begin with where a class of their column is written so.

    Args:
        frame: what `read_csv` read, which is changed.
        path: the file.
        classes: the classes of columns by name.
    """
    import pandas as pd

    spaced = {
        name: [each for each in classes.get(name, ()) if isinstance(each, str) and each[:1] == " "]
        for name in frame.columns
    }
    asked = [place for place, name in enumerate(frame.columns) if spaced[name]]
    if not asked:
        return  # without reading it once more
    try:
        written = read_csv(path, usecols=asked, dtype=str, skipinitialspace=False, index_col=False)
    except pd.errors.ParserError:  # quotes after a space, with commas between them
        return
    for place, values in zip(asked, written.columns, strict=True):
        name = frame.columns[place]
        cells, read = written[values].reindex(frame.index), frame[name]
        stripped = cells.str.lstrip(" ")
        same = (stripped == read) | (read.isna() & stripped.isin(GAPS))
        frame[name] = read.where(~(same & cells.isin(spaced[name])), cells)
