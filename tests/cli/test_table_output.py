"""How tables are written."""

import numpy as np
import pandas as pd
import pytest

from kvae.cli.table_output import write_table
from kvae.data import TableSchema


def cells(frame, folder, schema):
    write_table(frame, folder / "table.csv", schema)
    return pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "double[pyarrow]"])
@pytest.mark.parametrize("gap", [True, False])
def test_whole_numbers_of_a_schema_are_written_without_a_point(dtype, gap, tmp_path, rng):
    numbers = {
        "age": rng.integers(18, 90, 200),
        "children": rng.poisson(0.3, 200),
        "rooms": rng.integers(2, 5, 200),
        "year": np.full(200, 2024),
        "size": rng.integers(2, 5, 200) / 2,
    }
    frame = pd.DataFrame(numbers, dtype=dtype)
    frame.loc[:20, ["age", "children", "rooms"]] = None
    schema = TableSchema.infer(frame, {"size": "number"})
    asked = frame if gap else frame[21:]
    found = cells(asked, tmp_path, schema)
    for name in ("age", "children", "rooms", "year"):
        expected = pd.Series(numbers[name]).astype(str).where(frame[name].notna(), "")
        assert found[name].tolist() == expected[asked.index].tolist()
    assert found["size"].tolist() == [str(each) for each in numbers["size"][asked.index]]


def test_numbers_that_are_not_whole_stay(tmp_path):
    schema = TableSchema.infer(pd.DataFrame({"a": np.arange(60.0) ** 2 % 47, "b": [7.0] * 60}))
    frame = pd.DataFrame({"a": [1.5, 3.0, 1e30], "more": [1.0, 2.0, 3.0]})
    assert cells(frame, tmp_path, schema).to_numpy().tolist() == [
        ["1.5", "1.0"],
        ["3.0", "2.0"],
        ["1e+30", "3.0"],
    ]
