"""Missing values get their estimates; observed ones stay, in a dtype that holds both."""

import numpy as np
import pandas as pd
import pytest

from kvae.data import TableSchema
from kvae.data.tables.gaps import filled, filled_by_schema

DAY = pd.Timestamp("2024-03-01")


@pytest.mark.parametrize(
    ("given", "estimate", "expected", "dtype"),
    [
        ([123456789.0, None], [123456792, 4], [123456789, 4], "int64"),
        ([12.5, None], [12, 4], [12.5, 4.0], "float64"),
        ([0.1, None], np.array([0.1, 0.5], "float32"), [0.1, 0.5], "float64"),
        ([None, None], [1, 2], [1, 2], "int64"),
        (pd.array([7, None], "Int64"), pd.array([8, 9], "Int64"), [7, 9], "Int64"),
        (pd.array([2**60 + 1, None], "Int64"), [2.0**60, 2.0**61], [2**60 + 1, 2**61], "Int64"),
        ([True, None], [False, False], [True, False], "bool"),
        ([DAY, None], [DAY, DAY + pd.Timedelta("1s")], [DAY, DAY + pd.Timedelta("1s")], None),
        (["x", None], pd.Categorical(["a", "b"]), ["x", "b"], None),
        (pd.Categorical(["a", None]), pd.Categorical(["a", "b"]), ["a", "b"], "category"),
    ],
)
def test_observed_values_stay(given, estimate, expected, dtype):
    frame = pd.DataFrame({"v": given, "other": [None, 0.5]}, index=[3, 3])
    result = filled(frame, pd.DataFrame({"v": estimate}))
    assert result["v"].tolist() == expected
    assert result.index.equals(frame.index)
    assert dtype is None or result["v"].dtype == dtype
    pd.testing.assert_series_equal(result["other"], frame["other"])


def test_gaps_of_constant_columns_are_filled_and_those_of_others_stay():
    frame = pd.DataFrame({"a": [1.5, 2.5], "site": "north", "k": 7, "note": ["x", "y"], "e": None})
    schema = TableSchema.infer(frame, {"note": "drop"})
    gaps = frame.assign(site=["north", None], k=[np.nan, 7.0], note=["x", None])
    array = schema.to_array(gaps)
    result = filled_by_schema(schema, gaps, array, array)
    pd.testing.assert_frame_equal(result, frame.assign(note=["x", None]), check_dtype=False)
    fewer = gaps[["a", "k"]]
    assert filled_by_schema(schema, fewer, array, array)["k"].tolist() == [7, 7]
