"""Windows of a series: from steps in time to examples, and from scores back to steps."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae import checks
from kvae.data.rounding import warn_of_rounding

__all__ = ["Windows", "windows"]

GAP = 1.5  # of the usual time between two steps


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one series.

    Attributes:
        x: the windows, float32 (windows, length, channels); a copy, not a view.
        starts: index of the first step of each window, (windows,).
        steps: number of steps of the series.

    Example:
        >>> found = kvae.data.windows(np.arange(6.0), length=4)
        >>> found.x[:, :, 0]
        array([[0., 1., 2., 3.],
               [1., 2., 3., 4.],
               [2., 3., 4., 5.]], dtype=float32)
        >>> found.per_step(np.array([1.0, 2.0, 6.0]))
        array([1. , 1.5, 3. , 3. , 4. , 6. ])
    """

    x: np.ndarray
    starts: np.ndarray
    steps: int

    @property
    def length(self) -> int:
        """Steps of a window."""
        return int(self.x.shape[1])

    def per_step(self, values: Any) -> np.ndarray:
        """Return the mean of `values` over the windows that hold each step, (steps,).

        Args:
            values: one number a window, (windows,), such as scores; or one for each step of each
                window, (windows, length).

        Returns:
            float64; NaN at steps that no window holds.

        Raises:
            ValueError: If `values` has another shape.
        """
        values = np.asarray(values, "float64")
        count, length = len(self.starts), self.length
        if values.shape not in ((count,), (count, length)):
            raise ValueError(
                f"Expected values of shape ({count},) or ({count}, {length}). Received: shape "
                f"{values.shape}"
            )
        if values.ndim == 1:
            values = np.repeat(values[:, None], length, axis=1)
        places = (self.starts[:, None] + np.arange(length)).ravel()
        sums = np.bincount(places, values.ravel(), minlength=self.steps)
        counts = np.bincount(places, minlength=self.steps)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def windows(
    values: Any, length: int, stride: int = 1, times: Any = None, missing: str = "refuse"
) -> Windows:
    """Cut a series into windows of equal length, none of which crosses a gap in time.

    A warning names channels whose values lie so far from zero that float32 hardly tells them apart.

    Args:
        values: numbers (steps,) or (steps, channels), or a pandas Series or DataFrame of these. A
            `DatetimeIndex` or another increasing index of numbers gives the `times`.
        length: steps of a window.
        stride: steps between the starts of two windows; `length` for windows without overlap. They
            are counted anew after a gap, and after a step left out by `missing="drop"`.
        times: time of each step, (steps,), increasing: numbers, datetime64, or a pandas Series or
            index of dates, with or without a time zone. Two steps that are more than 1.5 times the
            median time apart have a gap between them.
        missing: what to do about NaN: "refuse", "keep" it in the windows, for a model with
            `missing=True`, or "drop" the windows that hold some.

    Returns:
        The `Windows`, in the order of time.

    Raises:
        ValueError: If the values are not such numbers, if times do not increase, or if no window
            is left.

    Example:
        >>> times = np.array([0, 1, 2, 3, 60, 61, 62])
        >>> kvae.data.windows(np.arange(7.0), 3, times=times).starts
        array([0, 1, 4])
        >>> series = np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 1.0], [3.0, 1.0]])
        >>> kvae.data.windows(series, 2, missing="drop").x.shape
        (1, 2, 2)
    """
    length, stride = checks.positive_int("length", length), checks.positive_int("stride", stride)
    checks.choice("missing", missing, ("refuse", "keep", "drop"))
    if times is None and hasattr(values, "index") and hasattr(values, "to_numpy"):
        times = _index_times(values.index)
    array = _numbers(values)
    steps = len(array)
    if steps < length:
        raise ValueError(f"Expected at least {length} steps, one window. Received: {steps} steps")
    unknown = np.isnan(array)
    infinite = np.isinf(array)
    wrong = infinite | unknown if missing == "refuse" else infinite
    if wrong.any():
        first = int(np.argmax(wrong.any(axis=1)))
        hint = "" if infinite[first].any() else ' Pass missing="keep" or "drop".'
        raise ValueError(
            f"Expected finite values. Received: NaN or infinity at step {first}.{hint}"
        )
    broken = np.zeros(steps, bool) if times is None else _gaps(times, steps)
    left_out = unknown.any(axis=1) if missing == "drop" else np.zeros(steps, bool)
    starts = _starts(broken, left_out, length, stride)
    if not len(starts):
        raise ValueError(
            f"Expected a stretch of {length} steps without a gap or a missing value. Received: "
            f"none in {steps} steps"
        )
    advice = "Subtract a constant, the same one in all data, before windows are cut."
    warn_of_rounding(array, _channels(values, array.shape[1]), advice, stacklevel=3)
    narrow = array.astype("float32")  # before the windows, which may be many times as large
    return Windows(narrow[starts[:, None] + np.arange(length)], starts, steps)


def _starts(broken: np.ndarray, left_out: np.ndarray, length: int, stride: int) -> np.ndarray:
    """Return the first steps of the windows, every `stride` of a stretch without a gap."""
    steps = np.arange(len(broken))
    opens = broken | left_out
    opens[1:] |= left_out[:-1]
    place = steps - np.maximum.accumulate(np.where(opens, steps, 0))
    # A window lies in one stretch where its last step has as many before it there as in the window.
    whole = (place[length - 1 :] >= length - 1) & ~left_out[length - 1 :]
    starts = np.flatnonzero(whole)
    return starts[place[starts] % stride == 0]


def _numbers(values: Any) -> np.ndarray:
    """Return values as float64 (steps, channels), or raise."""
    checks.unmasked("values", values)
    dtypes: Any = getattr(values, "dtypes", [])  # of a Series one
    if any(getattr(of, "kind", "O") in "mM" for of in np.atleast_1d(dtypes)):
        raise ValueError(
            "Expected values to be numbers. Received: a column of times. Pass it as times=, or "
            "make it the index by set_index"
        )
    try:
        array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
        if array.dtype.kind == "O" and hasattr(values, "to_numpy"):  # pandas.NA among them
            array = values.to_numpy("float64", na_value=np.nan)
        elif array.dtype.kind in "mMc":
            raise TypeError(f"values of dtype {array.dtype}")
        elif array.dtype.kind not in "biuf":
            array = array.astype("float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected values to be numbers. Received: {error}") from None
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            "Expected values of shape (steps,) or (steps, channels), not empty. Received: shape "
            f"{array.shape}"
        )
    array = array.astype("float64")
    beyond = np.isfinite(array) & (np.abs(array) > np.finfo("float32").max)
    if beyond.any():
        raise ValueError(f"Expected values in the range of float32. Received: {array[beyond][0]:g}")
    return array[:, None] if array.ndim == 1 else array


def _channels(values: Any, count: int) -> list[str]:
    """Return what a message calls the channels: their names in a pandas object, or numbers."""
    names = list(getattr(values, "columns", range(count)))
    return [f"channel {name!r}" for name in names]


def _index_times(index: Any) -> Any:
    """Return the index of a DataFrame where it says when; None of a plain count of rows."""
    if hasattr(index, "to_timestamp"):  # periods
        index = index.to_timestamp()
    return index if getattr(index.dtype, "kind", "O") in "iufmM" else None


def _plain(times: Any) -> np.ndarray:
    """Return times as an array of NumPy, those with a time zone in UTC."""
    if getattr(getattr(times, "dtype", None), "kind", "O") != "M":
        return np.asarray(times)
    import pandas as pd

    dates = pd.DatetimeIndex(times)
    return np.asarray((dates if dates.tz is None else dates.tz_convert(None)).to_numpy())


def _gaps(times: Any, steps: int) -> np.ndarray:
    """Return whether there is a gap between each step and the one before, (steps,)."""
    times = _plain(times)
    if times.shape != (steps,):
        raise ValueError(
            f"Expected times of shape ({steps},), one for each step. Received: shape {times.shape}"
        )
    if times.dtype.kind not in "iufmM":
        raise ValueError(f"Expected times to be numbers or datetime64. Received: {times.dtype}")
    if times.dtype.kind in "mM":
        missing = np.isnat(times)
        times = times.astype(f"{times.dtype.kind}8[ns]").astype("int64")
    else:
        times = times.astype("float64")
        missing = ~np.isfinite(times)
    between = np.diff(times)
    if missing.any() or (between <= 0).any():
        wrong = missing | np.concatenate([[False], between <= 0])
        raise ValueError(
            f"Expected times that increase. Received: step {int(np.argmax(wrong))} is not after "
            "the one before; sort the series and drop repeated times"
        )
    if steps < 2:
        return np.zeros(steps, bool)
    return np.concatenate([[False], between > GAP * np.median(between)])
