"""A column of numbers, whole numbers or counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.data.tables.column import numpy_dtype, offending, pandas_dtype
from kvae.data.tables.ranged import Ranged

__all__ = ["Number"]

# The integers of float64 that an int64 holds with room for rounding.
LARGEST_INT = 2.0**63 - 2.0**12


@dataclass(frozen=True, kw_only=True)
class Number(Ranged):
    """A column of numbers: "number", "integer" or "count".

    Args:
        decimals: decimals of all values, to which numbers are rounded; None for no rounding.
        offset: what is subtracted, in the unit of the column.
        shift: the shift of a logarithm, positive, for amounts with a long tail; None for none.
        zero_inflated: whether zero is a case of its own among counts, such as that of no gain.
    """

    decimals: int | None = None
    offset: float = 0
    shift: float | None = None
    zero_inflated: bool = False

    @property
    def standardized(self) -> bool:
        """Whether the likelihood is a normal of the standardized number."""
        return self.kind != "count" and self.shift is None

    def encode(self, series: Any, unknown: str = "refuse") -> np.ndarray:
        """Return the numbers less the offset."""
        values = self.numbers(series)
        if self.kind == "count" or self.shift is not None:
            wrong = values + self.offset < 0
            if wrong.any():
                row = int(wrong.argmax())
                raise offending(self.name, "numbers of at least 0", row, series.iloc[row])
        if self.kind == "count":
            wrong = values != np.rint(values)
            wrong &= ~np.isnan(values)
            if wrong.any():
                row = int(wrong.argmax())
                raise offending(self.name, "whole numbers", row, series.iloc[row])
        return values

    def numbers(self, series: Any) -> np.ndarray:
        """Return the numbers less the offset, in float64, or raise where one is none."""
        import pandas as pd

        types = pd.api.types
        if types.is_unsigned_integer_dtype(series.dtype):
            long = series.gt(2**63 - 1).fillna(False).to_numpy(bool)
            if long.any():
                raise self._too_long(series, int(long.argmax()))
        if types.is_integer_dtype(series.dtype) and self.offset and self.offset % 1 == 0:
            known = series.notna().to_numpy()
            exact = series.to_numpy(dtype="int64", na_value=0) if not known.all() else None
            exact = series.to_numpy(dtype="int64") if exact is None else exact
            return np.where(known, (exact - int(self.offset)).astype("float64"), np.nan)
        if types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype):
            values = series.to_numpy(dtype="float64", na_value=np.nan)
        elif series.dtype == object or not series.notna().any():
            values = self._numbers_of_objects(series)
        else:
            row = int(series.notna().to_numpy().argmax())
            raise offending(self.name, "numbers", row, series.iloc[row])
        values = values - self.offset
        with np.errstate(over="ignore"):
            wrong = np.isinf(values.astype("float32"))
        if wrong.any():
            row = int(wrong.argmax())
            raise offending(self.name, "finite numbers of float32", row, series.iloc[row])
        return values

    def _too_long(self, series: Any, row: int) -> ValueError:
        expected, hint = "whole numbers that int64 holds", "Convert ids to text by .astype(str)."
        return offending(self.name, expected, row, series.iloc[row], hint)

    def _numbers_of_objects(self, series: Any) -> np.ndarray:
        values, objects = np.full(len(series), np.nan), series.to_numpy(dtype=object)
        for row in np.flatnonzero(series.notna().to_numpy()):
            value = objects[row]
            if isinstance(value, (str, bytes, bool, np.bool_)):
                raise offending(self.name, "numbers", int(row), value)
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise self._too_long(series, int(row))
            try:
                values[row] = float(value)
            except (TypeError, ValueError):
                raise offending(self.name, "numbers", int(row), value) from None
        return values

    def decode(self, values: np.ndarray) -> Any:
        """Return the numbers in the range, plus the offset, rounded to the column's decimals."""
        import pandas as pd

        values = self.clipped(np.asarray(values, "float64"))
        known = ~np.isnan(values)
        if self.kind == "count" or self.shift is not None:
            values = np.maximum(values, -self.offset)
        dtype = pandas_dtype(self.dtype)
        if pd.api.types.is_integer_dtype(dtype):
            return self._integers(values, known, dtype)
        values = values + self.offset
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        return pd.Series(values).astype(dtype)

    def _integers(self, values: np.ndarray, known: np.ndarray, dtype: Any) -> Any:
        import pandas as pd

        low, high = _bounds(dtype)
        room = LARGEST_INT - abs(self.offset)
        whole = np.clip(np.rint(np.where(known, values, 0.0)), -room, room).astype("int64")
        whole = np.clip(whole + int(self.offset), low, high)
        if known.all():
            return pd.Series(whole).astype(dtype)
        nullable = pd.Series(whole, dtype="Int64").mask(~known)
        return nullable.astype(dtype if numpy_dtype(dtype) is None else "float64")

    def layer(self, name: str) -> Any:
        """Return a negative binomial of counts, a normal of standardized numbers otherwise."""
        from kvae import layers, transforms
        from kvae.layers.scale import STANDARDIZED_MIN_SCALE

        if self.kind == "count" and self.zero_inflated:
            return layers.ZeroInflatedNegativeBinomial((), name=name)
        if self.kind == "count":
            return layers.IndependentNegativeBinomial((), name=name)
        transform: Any = transforms.Standardization()
        if self.shift is not None:
            transform = transforms.Chain([transforms.Log(self.shift), transform])
        normal = layers.IndependentNormal((), min_scale=STANDARDIZED_MIN_SCALE)
        return layers.Transformed(normal, transform, name=name)

    @property
    def feature(self) -> int | str:
        """What an encoder reads: counts by their logarithm."""
        return "count" if self.kind == "count" else "number"

    def details(self) -> str:
        """Return the decimals, and whether the logarithm is taken or zero is apart."""
        parts = [] if not self.decimals else [f"{self.decimals} decimals"]
        parts += ["logarithm"] if self.shift is not None else []
        return ", ".join(parts + (["zero-inflated"] if self.zero_inflated else []))


def _bounds(dtype: Any) -> tuple[int, int]:
    """Return the least and the greatest integer of a dtype, within int64."""
    plain = numpy_dtype(dtype) or getattr(dtype, "numpy_dtype", dtype)
    info = np.iinfo(plain if np.dtype(plain).kind in "iu" else "int64")
    return int(info.min), min(int(info.max), 2**63 - 1)
