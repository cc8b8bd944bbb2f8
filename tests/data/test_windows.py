"""Windows of a series: gaps, channels, missing values, and scores back on steps."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvae


@given(
    steps=st.integers(1, 40),
    length=st.integers(1, 12),
    stride=st.integers(1, 15),
    seed=st.integers(0),
)
@settings(deadline=None)
def test_every_window_is_a_stretch_of_the_series(steps, length, stride, seed):
    values = np.random.default_rng(seed).normal(size=(steps, 2))
    if steps < length:
        with pytest.raises(ValueError, match="Expected at least"):
            kvae.data.windows(values, length, stride)
        return
    found = kvae.data.windows(values, length, stride)
    assert list(found.starts) == list(range(0, steps - length + 1, stride))
    for window, start in zip(found.x, found.starts, strict=True):
        np.testing.assert_array_equal(window, values[start : start + length].astype("float32"))


def test_scores_of_steps_are_means_over_their_windows():
    found = kvae.data.windows(np.zeros(9), 3, stride=2)
    scores = np.arange(12.0).reshape(4, 3)
    expected = np.full(9, np.nan)
    for step in range(9):
        own = [scores[w, step - s] for w, s in enumerate(found.starts) if s <= step < s + 3]
        expected[step] = np.mean(own)
    np.testing.assert_allclose(found.per_step(scores), expected)
    assert np.isnan(kvae.data.windows(np.zeros(5), 2, stride=3).per_step([1.0, 2.0])[2])
    with pytest.raises(ValueError, match=r"Expected values of shape \(4,\) or \(4, 3\)"):
        found.per_step(np.zeros(5))


def test_no_window_crosses_a_gap():
    times = np.concatenate([np.arange(5), 100 + np.arange(3), 200 + np.arange(2)])
    found = kvae.data.windows(np.arange(10.0), 3, times=times)
    assert list(found.starts) == [0, 1, 2, 5]
    index = pd.date_range("2024-01-01", periods=5, freq="h").append(
        pd.date_range("2024-01-02", periods=5, freq="h")
    )
    frame = pd.DataFrame({"a": np.arange(10.0), "b": np.ones(10)}, index=index)
    found = kvae.data.windows(frame, 4)
    assert list(found.starts) == [0, 1, 5, 6]
    assert found.x.shape == (4, 4, 2)


def test_windows_are_counted_from_the_start_of_each_stretch():
    short_then_long = np.concatenate([np.arange(10), 1_000 + np.arange(90)])
    found = kvae.data.windows(np.arange(100.0), 60, stride=60, times=short_then_long)
    assert list(found.starts) == [10]
    days = (10_000 * np.arange(10)[:, None] + np.arange(80)).ravel()
    found = kvae.data.windows(np.arange(800.0), 60, stride=60, times=days)
    assert list(found.starts) == list(range(0, 800, 80))


@given(
    holes=st.lists(st.booleans(), min_size=1, max_size=30),
    gaps=st.lists(st.booleans(), min_size=30, max_size=30),
    length=st.integers(1, 6),
    stride=st.integers(1, 7),
)
@settings(deadline=None)
def test_windows_of_a_series_with_gaps_and_holes(holes, gaps, length, stride):
    steps = len(holes)
    values = np.where(holes, np.nan, 1.0)
    times = np.cumsum(np.where(gaps[:steps], 100, 1))
    broken = np.diff(times) > 1.5 * np.median(np.diff(times)) if steps > 1 else []
    expected, first = [], 0
    for start in range(steps):
        if holes[start] or (start and (broken[start - 1] or holes[start - 1])):
            first = start + holes[start]
        inside = range(start, start + length)
        whole = inside.stop <= steps and not any(holes[i] for i in inside)
        whole = whole and not any(broken[i] for i in inside[:-1])
        if whole and (start - first) % stride == 0:
            expected.append(start)
    if not expected:
        with pytest.raises(ValueError, match="Expected"):
            kvae.data.windows(values, length, stride, times=times, missing="drop")
        return
    found = kvae.data.windows(values, length, stride, times=times, missing="drop")
    assert list(found.starts) == expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo"])
def test_times_of_a_zone_are_instants(zone):
    """An hour of the night of 27 October 2024 stands twice on the clocks of Oslo."""
    times = pd.date_range("2024-10-26 22:00", periods=10, freq="h", tz="UTC").tz_convert(zone)
    times = times.delete(6)
    frame = pd.DataFrame({"a": np.arange(9.0)}, index=times)
    assert list(kvae.data.windows(frame, 3).starts) == [0, 1, 2, 3, 6]
    for found in (pd.Series(times), pd.Series(times).astype(f"timestamp[us, tz={zone}][pyarrow]")):
        assert list(kvae.data.windows(np.arange(9.0), 3, times=found).starts) == [0, 1, 2, 3, 6]


def test_periods_and_durations_are_times():
    for index in (
        pd.period_range("2024-01", periods=9, freq="M").delete(4),
        pd.to_timedelta(np.delete(np.arange(9), 4), unit="s"),
    ):
        frame = pd.DataFrame({"a": np.arange(8.0)}, index=index)
        assert list(kvae.data.windows(frame, 3).starts) == [0, 1, 4, 5]


def test_missing_values_of_nullable_dtypes():
    frame = pd.DataFrame({"a": pd.array([1, 2, None, 4, 5], "Int64"), "b": np.ones(5)})
    assert list(kvae.data.windows(frame, 2, missing="drop").starts) == [0, 3]
    assert np.isnan(kvae.data.windows(frame["a"], 2, missing="keep").x).sum() == 2


def test_missing_values_are_refused_kept_or_dropped():
    values = np.arange(6.0)
    values[2] = np.nan
    with pytest.raises(ValueError, match=r"at step 2. Pass missing=\"keep\" or \"drop\""):
        kvae.data.windows(values, 2)
    assert np.isnan(kvae.data.windows(values, 2, missing="keep").x).sum() == 2
    assert list(kvae.data.windows(values, 2, missing="drop").starts) == [0, 3, 4]


@pytest.mark.parametrize("missing", ["keep", "drop"])
def test_an_infinity_is_named_beside_missing_values_that_are_let_pass(missing):
    with pytest.raises(ValueError, match=r"infinity at step 3\.$"):
        kvae.data.windows([np.nan, 1.0, 2.0, np.inf], 2, missing=missing)


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (["a", "b"], {}, "Expected values to be numbers"),
        (np.zeros((4, 2, 2)), {}, r"Received: shape \(4, 2, 2\)"),
        (np.zeros((0, 2)), {}, r"Received: shape \(0, 2\)"),
        ([0.0, np.inf, 1.0], {"missing": "keep"}, "infinity at step 1"),
        ([0.0, 1.0, 2.0], {"times": [0, 1]}, r"Expected times of shape \(3,\)"),
        ([0.0, 1.0, 2.0], {"times": [0, 2, 2]}, "step 2 is not after"),
        ([0.0, 1.0, 2.0], {"times": [0.0, np.nan, 2.0]}, "Expected times that increase"),
        ([0.0, 1.0, 2.0], {"times": ["a", "b", "c"]}, "Expected times to be numbers"),
        ([0.0, 1.0, 2.0], {"times": [0, 50, 51], "length": 3}, "Expected a stretch of 3 steps"),
        ([np.nan] * 3, {"missing": "drop"}, "Expected a stretch of 2 steps"),
        (np.ma.masked_less([-1.0, 0.0, 1.0], 0.0), {}, "Expected values without a mask"),
        (pd.DataFrame({"t": pd.date_range("2024", periods=3), "v": 0}), {}, "as times=, or make"),
        (np.array([1, 2, 3], "timedelta64[s]"), {}, r"values of dtype timedelta64\[s\]"),
        ([1j, 0.0, 1.0], {}, "values of dtype complex128"),
        ([1e39, 0.0, 1.0], {}, r"in the range of float32. Received: 1e\+39"),
    ],
)
def test_bad_input(values, arguments, message):
    with pytest.raises(ValueError, match=message):
        kvae.data.windows(values, **{"length": 2, **arguments})


def test_windows_take_no_more_memory_than_their_float32(rng):
    values = rng.normal(size=(2000, 10))
    kvae.data.windows(values, 64)
    tracemalloc.start()
    found = kvae.data.windows(values, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * found.x.nbytes


def test_channels_that_float32_hardly_tells_apart_are_told_of(rng):
    far = 1e9 + rng.normal(size=(40, 1))
    with pytest.warns(UserWarning, match="numbers of channel 1 differ .* and of channel 2 too"):
        kvae.data.windows(np.hstack([far - 1e9, far, far]), 8)
    series = pd.Series(far[:, 0])
    series[3] = np.nan
    with pytest.warns(UserWarning, match="numbers of channel 0 differ"):
        kvae.data.windows(series, 8, missing="keep")
    kvae.data.windows(np.full(40, 1e9), 8)
