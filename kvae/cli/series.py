"""A table or an array that is one series: its channels, and windows of them."""

import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvae import checks

if TYPE_CHECKING:
    from kvae.data import Windows

__all__ = ["Series", "text_names"]

EQUAL = 0.5  # of the steps of a clock that are as long as the median one
ODD = 0.01  # of the rows of a clock may be out of order, for a warning that says so
LEAST_STEPS = 10  # in fewer rows any numbers may increase


@dataclass(frozen=True)
class Series:
    """How windows are cut from a file, as run.json says it.

    Attributes:
        window: steps of a window.
        stride: steps between the starts of two windows of the training.
        channels: the names of the columns of numbers of a table; None for an array.
        time: the name of the column of dates, or of a clock, a column of numbers that increase from
            row to row in equal steps or by whole numbers; None if there is none. No window crosses
            a gap.
    """

    window: int
    stride: int
    channels: list[str] | None = None
    time: str | None = None

    @classmethod
    def of(cls, data: Any, window: int, stride: int | None) -> "Series":
        """Return the description of the series that data to train on are.

        A clock is no channel: what it shows in later rows is unlike all that was trained on. Nor is
        a column without any value. Warnings name them.

        Args:
            data: a DataFrame of numbers and at most one column of dates, or numbers (steps,) or
                (steps, channels).
            window: steps of a window.
            stride: steps between two windows; by default `window`, so that none overlap.

        Raises:
            ValueError: If the data are not of this form.
        """
        stride = stride or window
        if not hasattr(data, "columns"):
            _check_array(data)
            return cls(window, stride)
        data = text_names(data)
        dates = [name for name, dtype in data.dtypes.items() if dtype.kind == "M"]
        other = [name for name, dtype in data.dtypes.items() if dtype.kind not in "biufM"]
        if other or len(dates) > 1 or len(dates) == len(data.columns):
            raise ValueError(
                "Expected DATA with --window to be a series: columns of numbers, and at most one "
                f"of dates. Received: other columns {other}, columns of dates {dates}"
            )
        names = [name for name in data.columns if name not in dates]
        for name in names:  # they go into the manifest of the bundle, after the training
            checks.line("the names of the columns of DATA", name)
        empty = [name for name in data.columns if data[name].isna().all()]
        clocks = [name for name in names if _is_clock(data[name])]
        if {*names} == {*clocks, *empty}:  # what increases is all that there is
            clocks = []
        known = dates or clocks[-1:]  # the last one: an index comes before the data
        time = known[0] if known else None
        channels = [name for name in names if name not in (*clocks, *empty)]
        if not channels:
            raise ValueError(
                "Expected DATA with --window to hold columns of numbers. Received: columns without "
                f"any value, {empty}"
            )
        _tell_left_out(clocks, empty, time)
        _tell_almost_clocks(data[channels])
        return cls(window, stride, channels, time)

    def config(self) -> dict[str, Any]:
        """Return the arguments to make it again, as plain data."""
        return asdict(self)

    def windows(self, data: Any, stride: int) -> "Windows":
        """Return the windows of data of the same form, without those that hold missing values.

        Args:
            data: as for `of`.
            stride: steps between the starts of two windows.

        Raises:
            ValueError: If a column is missing, or is not of numbers, or no window is left.
        """
        from kvae.data import windows

        times = None
        if self.channels is not None:
            wanted = [*self.channels, *([] if self.time is None else [self.time])]
            data = text_names(data)
            given = list(getattr(data, "columns", ()))
            if missing := [name for name in wanted if name not in given]:
                raise ValueError(
                    f"Expected DATA with the columns {wanted}. Received: none of the name "
                    f"{missing[0]!r}"
                )
            times = None if self.time is None else data[self.time]
            data = data[self.channels].reset_index(drop=True)  # which would be taken for times
        else:
            _check_array(data)
        return windows(data, self.window, stride, times=times, missing="drop")

    def told(self, windows: "Windows", data: Any) -> list[str]:
        """Return lines on the windows of a training: how many, of which rows, dead channels.

        Args:
            windows: what `windows` returned.
            data: what they were cut from, whose values float32 may have made equal.
        """
        import numpy as np
        import pandas as pd

        held = np.isfinite(windows.per_step(np.zeros(len(windows.x))))
        lines = [
            f"{len(windows.x)} windows of {self.window} steps hold {held.sum()} of {windows.steps} "
            "rows. None crosses a gap in time or holds a missing value."
        ]
        table = text_names(data)[self.channels] if self.channels else pd.DataFrame(data)
        dead = np.flatnonzero(table[held].nunique() == 1)
        if len(dead):
            names = self.channels or [f"channel {place}" for place in range(table.shape[1])]
            lines.append(
                f"Constant in all of them: {', '.join(names[place] for place in dead)}. Other "
                "values in later rows raise the score."
            )
        return lines


def text_names(data: Any) -> Any:
    """Return a table whose columns have names of text; anything else as it is."""
    return data.rename(columns=str) if hasattr(data, "columns") else data


def _is_clock(series: Any) -> bool:
    """Return whether numbers increase from row to row, in equal steps or by whole numbers."""
    import numpy as np

    if series.dtype.kind not in "iuf" or len(series) < 2 or series.isna().any():
        return False
    steps = np.diff(series.to_numpy("float64"))
    return bool(np.all(steps > 0)) and _are_even(steps)


def _are_even(steps: Any) -> bool:
    """Return whether steps are whole numbers, or most of them equal."""
    import numpy as np

    equal = np.abs(steps - np.median(steps)) <= 0.01 * np.median(steps)
    return bool(np.all(steps == np.rint(steps)) or np.mean(equal) >= EQUAL)


def _tell_almost_clocks(channels: Any) -> None:
    """Warn of channels that would be a clock without a few rows, such as one repeated time."""
    import numpy as np

    for name in channels.columns:
        series = channels[name]
        if series.dtype.kind not in "iuf" or len(series) < LEAST_STEPS:
            continue
        values = series.to_numpy("float64", na_value=np.nan)
        wrong = np.isnan(values)
        known = np.flatnonzero(~wrong)
        steps = np.diff(values[known])
        wrong[known[1:]] = steps <= 0
        up = steps[steps > 0]
        if 0 < wrong.sum() <= max(1, ODD * len(values)) and len(up) and _are_even(up):
            row = int(wrong.argmax())
            warnings.warn(
                f"Column {name!r} of DATA increases from row to row, but not in row {row}: "
                "it is read as a channel. If it is the time of the rows, sort them and drop "
                "repeated and missing times.",
                stacklevel=3,
            )


def _tell_left_out(clocks: list[str], empty: list[str], time: str | None) -> None:
    """Warn of columns that are no channels."""
    left = [f"{name!r} (increases from row to row)" for name in clocks if name != time]
    left += [f"{name!r} (without any value)" for name in empty]
    if time in clocks:
        warnings.warn(
            f"Column {time!r} of DATA increases from row to row: it is the time of the rows.",
            stacklevel=3,
        )
    if left:
        warnings.warn(f"Columns that are left out: {'; '.join(left)}.", stacklevel=3)


def _check_array(data: Any) -> None:
    if isinstance(data, Path) or hasattr(data, "columns") or data.ndim not in (1, 2):
        raise ValueError(
            "Expected DATA with --window to be one series: a table, or an array (steps,) or "
            f"(steps, channels). Received: {'a folder' if isinstance(data, Path) else data.shape}"
        )
