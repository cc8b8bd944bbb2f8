"""A column of a table, which converts between a pandas Series and the numbers that a model reads.

float32 holds 24 bits: where a column needs more, such as large whole numbers or dates, its least
value is subtracted. pandas is imported where it is used.
"""

import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["Column", "numpy_dtype", "offending", "pandas_dtype", "plain", "restored", "shown"]

ARROW_DECIMALS = re.compile(r"decimal(128|256)\((\d+), (-?\d+)\)\[pyarrow\]")


def shown(value: Any) -> str:
    """Return a value for a message, on one line and not too long."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def plain(value: Any) -> Any:
    """Return a scalar as one that JSON holds: numbers of NumPy, decimals and fractions as Python's.

    Example:
        >>> from decimal import Decimal
        >>> from kvae.data.tables.column import plain
        >>> plain(np.int64(3)), plain(Decimal("3.0")), plain(Decimal("0.1"))
        (3, 3, 0.1)
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (Decimal, Fraction)):
        number = float(value)
        return int(value) if number.is_integer() else number
    return value


def offending(name: Any, expected: str, row: int, value: Any, more: str = "") -> ValueError:
    """Return the error of the first row of a column that is not valid; rows count from 0."""
    text = (
        f"Expected column {shown(name)} to hold {expected}. Received: {shown(value)} in row {row}"
    )
    return ValueError(f"{text}. {more}" if more else text)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table; the base of all kinds.

    Args:
        name: name in the frame, a string or an integer.
        kind: what the column holds; see `kvae.data.TableSchema`.
        dtype: the pandas dtype to restore, as text.
        missing: whether values were missing.
        none: whether a missing value of a column of objects is None; it is NaN otherwise.
    """

    name: str | int
    kind: str
    dtype: str
    missing: bool = False
    none: bool = False

    @property
    def modelled(self) -> bool:
        """Whether the column is a column of the array."""
        return True

    @property
    def standardized(self) -> bool:
        """Whether the likelihood is a normal of the standardized number."""
        return False

    def encode(self, series: Any, unknown: str = "refuse") -> np.ndarray:
        """Return the values as numbers, (rows,), NaN where missing, or raise.

        Args:
            series: the column of a frame.
            unknown: "missing" to take unknown categories as missing values.
        """
        raise NotImplementedError(f"{type(self).__name__} must define encode")

    def decode(self, values: np.ndarray) -> Any:
        """Return the Series of numbers (rows,); each number is made a valid value first."""
        raise NotImplementedError(f"{type(self).__name__} must define decode")

    def layer(self, name: str) -> Any:
        """Return the likelihood of the column, a distribution layer of a scalar event."""
        raise NotImplementedError(f"{type(self).__name__} must define layer")

    @property
    def feature(self) -> int | str:
        """What an encoder reads, see `kvae.networks.TableInputs`."""
        return "number"

    def details(self) -> str:
        """Return what is known of the values, in words."""
        return ""

    def get_config(self) -> dict[str, Any]:
        """Return the column as plain data."""
        return asdict(self)


def pandas_dtype(text: str) -> Any:
    """Return a pandas dtype by its name; `object` for "str" where pandas has no such dtype."""
    import pandas as pd

    if text == "str" and int(pd.__version__.split(".")[0]) < 3:
        return np.dtype(object)
    decimals = ARROW_DECIMALS.fullmatch(text)
    if decimals is not None:  # pandas has no dtype of this name
        import pyarrow as pa

        made = {"128": pa.decimal128, "256": pa.decimal256}[decimals[1]]
        return pd.ArrowDtype(made(int(decimals[2]), int(decimals[3])))
    return pd.api.types.pandas_dtype(text)


def restored(values: np.ndarray, known: np.ndarray, column: Column) -> Any:
    """Return a Series of objects in the dtype of a column, or in one that holds missing values."""
    import pandas as pd

    wanted = pandas_dtype(column.dtype)
    if isinstance(wanted, np.dtype) and wanted.kind == "O":
        return pd.Series(np.where(known, values, _missing(column)), dtype=object)
    series = pd.Series(np.where(known, values, np.nan), dtype=object)
    plain = numpy_dtype(wanted)
    if plain is not None and plain.kind in "iub" and not known.all():
        return series if plain.kind == "b" else series.astype("float64")
    return series.astype(wanted)


def numpy_dtype(dtype: Any) -> np.dtype | None:
    """Return the NumPy dtype of whole arrays or sparse ones, whose integers cannot be missing.

    It is None for pandas' own and Arrow's dtypes, which hold missing values.
    """
    import pandas as pd

    dtype = dtype.subtype if isinstance(dtype, pd.SparseDtype) else dtype
    return dtype if isinstance(dtype, np.dtype) else None


def _missing(column: Column) -> Any:
    return None if column.none else np.nan
