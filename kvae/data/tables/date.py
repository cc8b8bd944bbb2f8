"""A column of dates or times."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.data.tables.column import offending, pandas_dtype, restored, shown
from kvae.data.tables.number import Number
from kvae.data.tables.ranged import Ranged

__all__ = ["STEPS", "Date", "as_dates"]

STEPS = {"D": 86_400 * 10**9, "h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9}
STEPS |= {"ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
# The times that Python's datetime holds, and those that it holds in all time zones.
FIRST, LAST = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
FIRST_IN_ZONES, LAST_IN_ZONES = "0001-01-02T00:00:00", "9999-12-30T00:00:00"


@dataclass(frozen=True, kw_only=True)
class Date(Ranged):
    """A column of dates or times, as steps since the first one.

    Args:
        start: the first date, in `unit` since 1970 in UTC.
        unit: unit of the dtype: "s", "ms", "us" or "ns".
        step: the largest unit of which all values are multiples: "D", "h", "m", "s", ...
        zone: time zone; None for none.
        days: whether the values are `datetime.date` objects.
    """

    start: int = 0
    unit: str = "ns"
    step: str = "s"
    zone: str | None = None
    days: bool = False

    @property
    def step_size(self) -> int:
        """Length of a step in units of the dtype."""
        return max(1, STEPS[self.step] // STEPS[self.unit])

    @property
    def standardized(self) -> bool:
        """Return True."""
        return True

    def encode(self, series: Any, unknown: str = "refuse") -> np.ndarray:
        """Return the steps since the first date."""
        known = series.notna().to_numpy()
        if not known.any():
            return np.full(len(series), np.nan)
        ticks = self.ticks(series)
        return np.where(known, (ticks - self.start) / self.step_size, np.nan)

    def ticks(self, series: Any) -> np.ndarray:
        """Return int64 units since 1970 in UTC, 0 where missing, or raise."""
        known = series.notna().to_numpy()
        dates = as_dates(series, self.name)
        zone = getattr(dates.dt, "tz", None)
        if (zone is None) != (self.zone is None):
            row = int(known.argmax())
            expected = (
                "dates without a time zone" if self.zone is None else "dates with a time zone"
            )
            raise offending(self.name, expected, row, series.iloc[row])
        dates = dates if zone is None else dates.dt.tz_convert("UTC").dt.tz_localize(None)
        exact = dates.to_numpy()
        ticks = exact.astype(f"datetime64[{self.unit}]")
        beyond = known & (ticks.astype("datetime64[s]") != exact.astype("datetime64[s]"))
        if beyond.any():  # NumPy wraps around
            row = int(beyond.argmax())
            expected = f"dates that datetime64[{self.unit}] holds, as of the table of the schema"
            raise offending(self.name, expected, row, series.iloc[row])
        return np.where(known, ticks.astype("int64"), 0)

    def decode(self, values: np.ndarray) -> Any:
        """Return the dates of the nearest steps in the range."""
        import pandas as pd

        values = self.clipped(np.asarray(values, "float64"))
        known = ~np.isnan(values)
        ends = (FIRST, LAST) if self.zone is None else (FIRST_IN_ZONES, LAST_IN_ZONES)
        low, high = (_tick(end, self.unit) for end in ends)
        steps = np.rint(np.where(known, values, 0.0))
        first, last = (low - self.start) / self.step_size, (high - self.start) / self.step_size
        ticks: Any = np.clip(steps, np.ceil(first), np.floor(last)).astype("int64")
        ticks = np.clip(ticks * self.step_size + self.start, low, high)
        dates = pd.Series(ticks.astype(f"datetime64[{self.unit}]")).mask(~known)
        if self.days:
            return restored(dates.dt.date.to_numpy(object), known, self)
        if self.zone is not None:
            dates = dates.dt.tz_localize("UTC").dt.tz_convert(self.zone)
        return dates.astype(pandas_dtype(self.dtype))

    def layer(self, name: str) -> Any:
        """Return a normal of standardized steps."""
        return Number(name=name, kind="number", dtype="float64").layer(name)

    def details(self) -> str:
        """Return the step and the zone."""
        names = {"D": "days", "h": "hours", "m": "minutes", "s": "seconds"}
        step = f"in {names.get(self.step, self.step)}"
        return step if self.zone is None else f"{step}, {self.zone}"


def as_dates(series: Any, name: Any) -> Any:
    """Return a Series of dtype datetime64, perhaps with a time zone, or raise."""
    import datetime

    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        if isinstance(series.dtype, pd.ArrowDtype):
            # Days have neither zone nor unit.
            zone = getattr(series.dtype.pyarrow_dtype, "tz", None)
            unit = getattr(series.dtype.pyarrow_dtype, "unit", "s")
            wanted = f"datetime64[{unit}]" if zone is None else f"datetime64[{unit}, {zone}]"
            return series.astype(wanted)
        return series
    known = series.notna().to_numpy()
    if series.dtype != object and known.any():
        row = int(known.argmax())
        raise offending(name, "dates", row, series.iloc[row])
    values = series.to_numpy(dtype=object)
    for place in np.flatnonzero(known):
        if not isinstance(values[place], (datetime.date, np.datetime64)):
            raise offending(name, "dates", int(place), values[place])
    try:
        return pd.Series(pd.to_datetime(series), index=series.index)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Expected column {shown(name)} to hold dates of one time zone. Received: {error}"
        ) from None


def _tick(time: str, unit: str) -> int:
    """Return a time in units since 1970, within what int64 holds in nanoseconds."""
    limit = (2**63 - 2**12) // STEPS[unit] if unit == "ns" else 2**62
    ticks = int(np.datetime64(time, "s").astype("int64")) * (STEPS["s"] // STEPS[unit])
    return max(-limit, min(limit, ticks))
