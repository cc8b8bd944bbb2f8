"""A column that no model needs."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kvae.data.tables.column import Column, offending, restored, shown

__all__ = ["Fixed"]


@dataclass(frozen=True, kw_only=True)
class Fixed(Column):
    """A column that no model needs: "constant", "empty" or "dropped".

    Args:
        value: the value of a constant column, as a number of `column`.
        column: the column that a constant value belongs to.
        reason: why the column is no column of the array.
    """

    value: float | None = None
    column: Column | None = None
    reason: str = ""

    @property
    def modelled(self) -> bool:
        """Return False."""
        return False

    def check(self, series: Any) -> None:
        """Raise if a constant column holds another value, or an empty one any."""
        known = series.notna().to_numpy()
        if self.kind == "empty" and known.any():
            row = int(known.argmax())
            raise offending(
                self.name, "no values, as in the table of the schema", row, series.iloc[row]
            )
        if self.kind == "constant" and self.column is not None:
            values = self.column.encode(series)
            wrong = known & (values != self.value)
            if wrong.any():
                row = int(wrong.argmax())
                same = self.column.decode(np.array([self.value])).iloc[0]
                raise offending(self.name, f"the constant {shown(same)}", row, series.iloc[row])

    def decode(self, values: np.ndarray) -> Any:
        """Return the constant or missing values; `values` only say how many."""
        if self.column is not None:
            return self.column.decode(np.full(len(values), self.value))
        nothing = np.full(len(values), None, object)
        return restored(nothing, np.zeros(len(values), bool), self)

    def details(self) -> str:
        """Return the reason."""
        return self.reason

    def get_config(self) -> dict[str, Any]:
        """Return the column as plain data."""
        inner = None if self.column is None else self.column.get_config()
        return {**asdict(self), "column": inner}
