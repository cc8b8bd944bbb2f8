"""Tables from .csv and .parquet files, with what a reader of text has to guess."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kvae.cli.terminal import first_sentence

__all__ = ["TABLES", "check_suffix", "compressed", "read_table", "write_table"]

TABLES = (".csv", ".parquet")
# Dates are those of ISO 8601, which have one meaning: 1/2/2024 stays text.
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")
# What compressed files begin with. Archives of zip are not among them: .npz files are such.
COMPRESSED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"(\xb5/\xfd"}
MOSTLY = 0.5  # share of numbers from which on other text is taken for a mistake


def read_table(path: Path, option: str) -> Any:
    """Return the pandas DataFrame of a .csv or .parquet file.

    Of a .csv file the first line names the columns, and text that is dates of ISO 8601 throughout
    becomes dates.

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
        frame = pd.read_csv(path, skipinitialspace=True, low_memory=False)
    except Exception as error:  # of the parsers, of encodings, of memory
        hint = ". Store it in UTF-8" if isinstance(error, UnicodeError) else ""
        raise ValueError(
            f"Expected {option} to be a table that pandas can read. Received: {str(path)!r} "
            f"({type(error).__name__}: {first_sentence(error)}){compressed(path) or hint}"
        ) from error
    _check_header(frame, path, option)
    for place, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place]):
            frame[name] = _typed(frame[name], option)
    return frame


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


def _check_header(frame: Any, path: Path, option: str) -> None:
    """Raise where the first line holds numbers, or all columns are one."""
    names = [str(name) for name in frame.columns]
    if len(names) == 1 and re.search(r"[;\t|]", names[0]):
        raise ValueError(
            f"Expected {option} to be a table of values with commas between them. Received: "
            f"{str(path)!r}, whose first line is {names[0]!r:.80}"
        )
    if all(_is_number(name) for name in names) and not all(name.isdigit() for name in names):
        raise ValueError(
            f"Expected {option} to name its columns in the first line. Received: {str(path)!r}, "
            f"whose first line is {', '.join(names)[:80]!r}"
        )


def _typed(series: Any, option: str) -> Any:
    """Return a column of text, or of dates where all of it is; raise where most is numbers."""
    import pandas as pd

    text = series.dropna()
    text = text[[isinstance(value, str) for value in text]]
    if not len(text):
        return series
    if all(ISO_DATE.fullmatch(value.strip()) for value in text):
        try:
            return pd.to_datetime(series, format="ISO8601")
        except (ValueError, OverflowError):
            return series  # 2024-02-30, or dates of several time zones
    numbers = np.array([_is_number(value) for value in text])
    if MOSTLY < np.mean(numbers) < 1.0:
        row = text.index[int(np.argmin(numbers))]
        raise ValueError(
            f"Expected column {str(series.name)!r:.80} of {option} to hold numbers, as most of it "
            f"does. Received: {text[row]!r:.80} in row {row}. Leave missing values empty"
        )
    return series


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
