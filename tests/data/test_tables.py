"""A DataFrame becomes an array of float32 and comes back as it was."""

import datetime
import decimal
import fractions
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvae.data import TableSchema


def kinds(schema):
    return {column.name: column.kind for column in schema.columns}


def assert_round_trip(frame, schema, **kwargs):
    again = TableSchema.from_config(json.loads(json.dumps(schema.get_config())))
    assert again == schema
    array = again.to_array(frame)
    assert array.dtype == np.float32
    assert array.shape == (len(frame), schema.width)
    found = again.to_frame(array)
    expected = frame[list(found.columns)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, **kwargs)


@pytest.fixture
def people(rng):
    """A table with a column of each kind and each dtype that pandas has for it."""
    rows = 200
    days = pd.date_range("2020-01-01", periods=rows)
    frame = pd.DataFrame(
        {
            "height": rng.normal(170, 10, rows).round(1),
            "short": rng.normal(170, 10, rows).round(2).astype("float32"),
            "age": rng.integers(18, 90, rows),
            "siblings": rng.poisson(2.0, rows).astype("int8"),
            "visits": rng.negative_binomial(1, 0.05, rows),
            "price": rng.lognormal(3.0, 1.5, rows).round(2),
            "account": rng.integers(10**15, 10**15 + 1000, rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], rows),
            "flag": rng.uniform(size=rows) < 0.3,
            "grade": pd.Categorical(rng.choice(list("abc"), rows), list("cbad"), ordered=True),
            "level": pd.Categorical(rng.choice([10, 20, 30], rows)),
            "hour": pd.date_range("2020-03-01", periods=rows, freq="h", tz="Europe/Berlin"),
            "day": rng.permutation(days),
            "birthday": [datetime.date(1990, 1, 1) + datetime.timedelta(i) for i in range(rows)],
            "nullable": pd.array(rng.integers(0, 1000, rows), dtype="Int64"),
            "answer": pd.array(rng.choice([True, False], rows), dtype="boolean"),
            "maybe": rng.choice([True, False, None], rows),
            "text": pd.array(rng.choice(["x", "y"], rows), dtype="string[pyarrow]"),
            "arrow": pd.Series(rng.integers(0, 999, rows), dtype="int32[pyarrow]"),
            "constant": 3,
            "nothing": None,
        }
    )
    for name in ("height", "city", "grade", "hour", "day", "birthday", "nullable", "answer"):
        frame.loc[rng.uniform(size=rows) < 0.2, name] = None
    frame.loc[7, ["text", "arrow"]] = pd.NA
    return frame


def test_every_kind_comes_back_as_it_was(people):
    schema = TableSchema.infer(people)
    assert kinds(schema) == {
        "height": "number",
        "short": "number",
        "age": "integer",
        "siblings": "category",
        "visits": "count",
        "price": "number",
        "account": "integer",
        "city": "category",
        "flag": "category",
        "grade": "category",
        "level": "category",
        "hour": "date",
        "day": "date",
        "birthday": "date",
        "nullable": "integer",
        "answer": "category",
        "maybe": "category",
        "text": "category",
        "arrow": "integer",
        "constant": "constant",
        "nothing": "empty",
    }
    assert schema.missing
    assert_round_trip(people, schema, rtol=1e-6)


def test_the_dtypes_of_arrow_come_back():
    days = [datetime.date(1990, 1, 1) + datetime.timedelta(place // 2) for place in range(30)]
    cents = [decimal.Decimal(place * place) / 100 for place in range(29)]
    columns = {
        "day": (days, pa.date32()),
        "price": ([None, *cents], pa.decimal128(10, 2)),
        "text": (list("abc") * 10, pa.string()),
        "large": (list("abc") * 10, pa.large_string()),
    }
    frame = pd.DataFrame(
        {name: pd.Series(x, dtype=pd.ArrowDtype(dtype)) for name, (x, dtype) in columns.items()}
    )
    schema = TableSchema.infer(frame)
    assert list(kinds(schema).values()) == ["date", "number", "category", "category"]
    assert_round_trip(frame, schema, rtol=1e-6)


numbers = st.one_of(
    st.integers(-(2**24), 2**24),
    st.integers(2**40, 2**40 + 2**24),
)
CELLS = {
    "integer": (numbers, "int64"),
    "nullable": (st.one_of(st.none(), numbers), "Int64"),
    "cents": (st.integers(-(10**5), 10**5).map(lambda cents: round(cents / 100, 2)), "float64"),
    "text": (st.one_of(st.none(), st.text(max_size=4)), "object"),
    "flag": (st.one_of(st.none(), st.booleans()), "boolean"),
    "day": (
        st.one_of(st.none(), st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 1, 1))),
        "datetime64[s]",
    ),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_comes_back_as_it_was(data):
    names = data.draw(st.lists(st.text(max_size=3), min_size=1, max_size=5, unique=True))
    rows = data.draw(st.integers(1, 12))
    columns = {}
    for name in names:
        cells, dtype = CELLS[data.draw(st.sampled_from(list(CELLS)))]
        values = data.draw(st.lists(cells, min_size=rows, max_size=rows))
        columns[name] = pd.Series(values, dtype=dtype)
    frame = pd.DataFrame(columns)
    try:
        schema = TableSchema.infer(frame)
    except ValueError as error:
        assert "at least one column whose values differ" in str(error)  # noqa: PT017
        return
    # Whole numbers over more than 24 bits are rounded; the drawn ones of one column may be that.
    assert_round_trip(frame, schema, rtol=1e-7)


def test_draws_become_valid_rows(people):
    schema = TableSchema.infer(people)
    rng = np.random.default_rng(1)
    wild = schema.to_frame(rng.normal(scale=1e6, size=(50, schema.width)).astype("float32"))
    assert wild.dtypes.drop(["maybe"]).equals(people.dtypes[wild.columns].drop(["maybe"]))
    assert set(wild["city"]) <= {"Rome", "Oslo", "Lima"}
    assert wild["price"].min() >= 0
    assert wild["visits"].min() >= 0
    assert wild["siblings"].between(0, 10).all()
    extreme = np.full((2, schema.width), 3e38, "float32") * [[1], [-1]]
    assert len(schema.to_frame(extreme.astype("float32"))) == 2


def test_missing_values_in_a_column_of_integers():
    schema = TableSchema.infer(pd.DataFrame({"a": [1, 2, 5], "b": [True, False, True]}))
    found = schema.to_frame(np.array([[1.0, np.nan], [np.nan, 1.0]]))
    assert found["a"].isna().tolist() == [False, True]
    assert found["b"].tolist()[1] is True


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "UTC+05:30"])
def test_dates_of_every_unit_and_zone(unit, zone):
    dates = pd.Series(pd.date_range("2021-03-27", periods=60, freq="37min", tz=zone))
    frame = pd.DataFrame({"when": dates.dt.as_unit(unit)})
    assert_round_trip(frame, TableSchema.infer(frame))


def test_time_zones_do_not_mix():
    naive = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=3)})
    aware = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=3, tz="UTC")})
    with pytest.raises(ValueError, match="column 't' to hold dates without a time zone"):
        TableSchema.infer(naive).to_array(aware)
    with pytest.raises(ValueError, match="column 't' to hold dates with a time zone"):
        TableSchema.infer(aware).to_array(naive)


def test_names_of_columns_are_kept():
    frame = pd.DataFrame([[1.5, 2, "a"], [2.5, 5, "b"], [3.5, 4, "a"]], columns=["🐟/x", 3, ""])
    schema = TableSchema.infer(frame)
    assert_round_trip(frame, schema)
    assert schema.names() == ["x", "3", "column"]


@pytest.mark.parametrize("first", ["gain", "gain_zero"])
def test_no_two_parameters_of_a_row_have_one_name(first, rng):
    """The zeros of gain are "gain_zero_logits", as are the classes of gain_zero."""
    values = {
        "gain": np.where(rng.uniform(size=500) < 0.5, 0, 5 + rng.poisson(20.0, 500)),
        "gain_zero": rng.choice(["yes", "no"], 500),
        "gain_more": rng.choice(["yes", "no"], 500),
    }
    names = sorted(values, key=lambda name: name != first)
    schema = TableSchema.infer(pd.DataFrame({name: values[name] for name in names}))
    assert schema.columns[names.index("gain")].zero_inflated
    numbered = {"gain": "gain_zero_2", "gain_zero": "gain_2"}[first]
    assert numbered in schema.names()
    assert "gain_more" in schema.names()
    row = schema.likelihood()
    named = row.named_parameters(np.zeros((1, row.params_size), "float32"))
    assert sum(value.shape[-1] if value.shape.rank > 1 else 1 for value in named.values()) == 7
    schema.likelihood()


@pytest.mark.thorough
def test_a_thousand_columns(rng):
    frame = pd.DataFrame(rng.normal(size=(30, 1000)), columns=[f"c{i}" for i in range(1000)])
    frame[frame > 2.0] = np.nan
    schema = TableSchema.infer(frame)
    assert_round_trip(frame, schema, rtol=1e-6)
    assert schema.likelihood().params_size == 2000


def test_three_rows():
    frame = pd.DataFrame({"name": ["a", "b", "c"], "n": [1, 2, 3], "t": ["x", None, "x"]})
    schema = TableSchema.infer(frame)
    assert kinds(schema) == {"name": "category", "n": "integer", "t": "category"}
    assert_round_trip(frame, schema)


SHUFFLED = np.random.default_rng(5).permutation(40)[:30]


@pytest.mark.parametrize("values", [range(30), [f"user {i}" for i in range(30)], SHUFFLED])
def test_ids_are_refused_or_dropped(values, rng):
    frame = pd.DataFrame({"id": values, "x": rng.normal(size=30)})
    with pytest.raises(ValueError, match=r"column 'id', an id: all values differ. Drop it"):
        TableSchema.infer(frame)
    schema = TableSchema.infer(frame, ids="drop")
    assert kinds(schema) == {"id": "dropped", "x": "number"}
    assert list(schema.to_frame(schema.to_array(frame))) == ["x"]
    assert TableSchema.infer(frame, {"id": "category"}).width == 2


def test_whole_numbers_that_float64_makes_equal_are_counted_apart(rng):
    """float64 has steps of 256 at 2**60."""
    values = 2**60 + rng.integers(0, 1000, 400)
    frame = pd.DataFrame({"long": values, "few": 2**60 + rng.integers(0, 3, 400)})
    schema = TableSchema.infer(frame)
    assert kinds(schema) == {"long": "integer", "few": "category"}
    assert_round_trip(frame, schema)
    assert kinds(TableSchema.infer(frame.astype(object)))["long"] == "integer"


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint8", "float64", "Float64", object])
def test_whole_numbers_in_a_column_of_fractions_keep_their_value(rng, dtype):
    """The offset of such a column is no whole number."""
    schema = TableSchema.infer(pd.DataFrame({"x": rng.normal(100, 5, 50)}))
    assert schema.columns[0].offset % 1 != 0
    frame = pd.DataFrame({"x": pd.Series([100, 101], dtype=dtype)})
    expected = np.array([[100.0], [101.0]]) - schema.columns[0].offset
    np.testing.assert_allclose(schema.to_array(frame), expected, rtol=1e-6)
    np.testing.assert_allclose(schema.to_frame(schema.to_array(frame))["x"], [100, 101], rtol=1e-6)


@pytest.mark.parametrize("values", [[0, 3, 0, 250], [0, -3, 0, 250]])
def test_sparse_whole_numbers_come_back(values):
    frame = pd.DataFrame({"x": pd.arrays.SparseArray(values * 10, fill_value=0)})
    schema = TableSchema.infer(frame)
    found = schema.to_frame(schema.to_array(frame))["x"]
    assert list(found) == values * 10
    gap = schema.to_array(frame)
    gap[1] = np.nan
    found = schema.to_frame(gap)["x"]
    assert np.isnan(found[1])
    assert list(found.drop(index=1)) == [values[0], *(values * 10)[2:]]


def test_dates_beyond_the_unit_of_the_schema_are_refused():
    """NumPy's conversion to nanoseconds goes around at the year 2262."""
    fitted = pd.date_range("2024-01-01", periods=30).astype("datetime64[ns]")
    schema = TableSchema.infer(pd.DataFrame({"end": fitted}))
    near = pd.DataFrame({"end": np.array(["2024-01-03", "2262-01-01"], "datetime64[s]")})
    days = (pd.Timestamp("2262-01-01") - pd.Timestamp("2024-01-01")).days
    np.testing.assert_array_equal(schema.to_array(near), [[2], [days]])
    far = pd.DataFrame({"end": np.array(["2024-01-03", "9999-12-31"], "datetime64[s]")})
    with pytest.raises(ValueError, match=r"'end' to hold dates that datetime64\[ns\].*row 1"):
        schema.to_array(far)


@pytest.mark.parametrize("end", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("dtype", ["datetime64[s]", "datetime64[us]", object])
@pytest.mark.parametrize("others", [0, 30])
def test_dates_for_never_and_always_come_back(end, dtype, others):
    days = [datetime.date.fromisoformat(end)] * 30
    days += [datetime.date(2020, 1, 1 + day) for day in range(others)]
    frame = pd.DataFrame(
        {"end": pd.Series(days, dtype=object), "x": np.sqrt(np.arange(30.0 + others))}
    )
    if dtype is not object:
        frame["end"] = np.array(days, dtype)
    found = TableSchema.infer(frame).to_frame(TableSchema.infer(frame).to_array(frame))
    pd.testing.assert_series_equal(found["end"], frame["end"])


def test_whole_numbers_that_differ_by_chance_are_no_ids(rng):
    prices = rng.choice(100_000, 300, replace=False)
    assert kinds(TableSchema.infer(pd.DataFrame({"price": prices}))) == {"price": "integer"}


@pytest.mark.parametrize("number", [decimal.Decimal, fractions.Fraction])
@pytest.mark.parametrize(
    ("values", "overrides"), [(["1", "2", "3"], None), (["0.1", "2.5", "3"], {"q": "category"})]
)
def test_classes_of_decimals_and_fractions_are_numbers_in_files(number, values, overrides):
    frame = pd.DataFrame({"q": [number(each) for each in values] * 20})
    schema = TableSchema.infer(frame, overrides)
    again = TableSchema.from_config(json.loads(json.dumps(schema.get_config())))
    assert kinds(again) == {"q": "category"}
    found = again.to_frame(again.to_array(frame))["q"]
    assert found.tolist() == [float(each) for each in values] * 20


def test_rare_categories_are_joined():
    frame = pd.DataFrame({"city": ["Rome"] * 5 + ["Oslo"] * 5 + ["Lima", "Bonn", None]})
    schema = TableSchema.infer(frame, rare=2)
    array = schema.to_array(pd.DataFrame({"city": ["Rome", "Bonn", "Kyiv", None]}))
    assert schema.to_frame(array)["city"].tolist()[:3] == ["Rome", "other", "other"]
    assert np.isnan(array[3, 0])


def test_unknown_categories():
    schema = TableSchema.infer(pd.DataFrame({"city": ["Rome", "Oslo"]}))
    other = pd.DataFrame({"city": ["Rome", "Lima"]})
    message = "column 'city' to hold one of 'Oslo', 'Rome'. Received: 'Lima' in row 1"
    with pytest.raises(ValueError, match=message):
        schema.to_array(other)
    assert np.isnan(schema.to_array(other, unknown="missing")).tolist() == [[False], [True]]


def test_a_column_that_was_constant_may_hold_anything_where_unknown_values_are_missing():
    schema = TableSchema.infer(pd.DataFrame({"a": [1.5, 2.5], "k": 5, "none": [None, None]}))
    other = pd.DataFrame({"a": [1.5, 2.5], "k": [5, 6], "none": [None, "x"]})
    with pytest.raises(ValueError, match=r"'k' to hold the constant 5.*row 1"):
        schema.to_array(other)
    assert schema.to_array(other, unknown="missing").tolist() == [[1.5], [2.5]]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "at least one row"),
        (pd.DataFrame({"a": []}), "at least one row"),
        (pd.DataFrame({"a": [1, 1]}), "a +constant +all values equal"),
        (pd.DataFrame({"a": [None, None]}), "a +empty +without any value"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "two columns named 'a'"),
        (pd.DataFrame({("a", "b"): [1, 2]}), "names of columns that are text or integers"),
        (pd.DataFrame({"a": [1, "x", 2.5]}), "column 'a' to hold numbers alone.*'x' in row 1"),
        (pd.DataFrame({"a": ["x", 3]}), "column 'a' to hold texts alone. Received: 3 in row 1"),
        (pd.DataFrame({"a": [[1], [2]]}), r"column 'a' to hold text, .* Received: \[1\] in row 0"),
        (pd.DataFrame({"a": [1.0, np.inf]}), "column 'a' to hold finite numbers .* inf in row 1"),
        (pd.DataFrame({"a": [1.0, 1e300]}), "finite numbers of float32.* row 1"),
        (pd.DataFrame({"a": [1j, 2j]}), "column 'a' of dtype complex128"),
        (pd.DataFrame({"a": pd.to_timedelta([1, 2], "s")}), "total_seconds"),
        (pd.DataFrame({"a": pd.period_range("2020", periods=2)}), "dtype period.*to_timestamp"),
        (pd.DataFrame({"a": [10**30, 10**30 + 1]}), f"int64 holds.* {10**30} in row 0"),
        (pd.DataFrame({"a": np.uint64([1, 2**64 - 1])}), f"int64 holds.* {2**64 - 1} in row 1"),
        (np.zeros((3, 2)), "a pandas DataFrame. Received: ndarray"),
    ],
)
def test_what_is_no_table_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        TableSchema.infer(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1.0}, "frame to hold the columns .*a column 'extra'"),
        ({"n": ["1", "x", "3"]}, "column 'n' to hold numbers. Received: '1' in row 0"),
        ({"n": [1.5, "x", 3]}, "column 'n' to hold numbers. Received: 'x' in row 1"),
        ({"n": [1.5, True, 3]}, "column 'n' to hold numbers. Received: True in row 1"),
        ({"n": [1.5, 2, np.inf]}, "column 'n' to hold finite numbers.* inf in row 2"),
        ({"v": [1, -2, 3]}, "column 'v' to hold numbers of at least 0. Received: -2 in row 1"),
        ({"v": [1, 2.5, 3]}, "column 'v' to hold whole numbers. Received: 2.5 in row 1"),
        ({"c": [1, 2, 3]}, "column 'c' to hold one of 'a', 'b'. Received: 1 in row 0"),
        ({"c": [["a"], "b", "a"]}, r"Received: \['a'\] in row 0"),
        ({"d": ["2020-01-01"] * 3}, "column 'd' to hold dates. Received: '2020-01-01' in row 0"),
        ({"k": [7, 8, 7]}, "column 'k' to hold the constant 7. Received: 8 in row 1"),
        ({"e": [None, 8, None]}, "column 'e' to hold no values.* row 1"),
    ],
)
def test_values_of_another_kind_are_refused(change, message):
    columns = {"n": [1.5, 2, 3], "v": [1, 4, 3], "c": ["a", "b", "a"], "k": 7, "e": None}
    frame = pd.DataFrame({**columns, "d": pd.date_range("2020-01-01", periods=3)})
    schema = TableSchema.infer(frame, {"v": "count"})
    schema.to_array(frame)
    with pytest.raises(ValueError, match=message):
        schema.to_array(frame.assign(**change))


def test_a_column_that_is_not_there_is_refused():
    schema = TableSchema.infer(pd.DataFrame({"a": [1, 2, 4], "k": 5}))
    assert schema.to_array(pd.DataFrame({"a": [3]})).tolist() == [[3.0]]  # constants need not be
    with pytest.raises(ValueError, match=r"with the column 'a'. Received: the columns 'k'"):
        schema.to_array(pd.DataFrame({"k": [5]}))


def test_bad_arguments_are_refused():
    frame = pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]})
    with pytest.raises(ValueError, match=r"overrides to hold the columns 'a', 'b'.*'c'"):
        TableSchema.infer(frame, {"c": "number"})
    with pytest.raises(ValueError, match=r"overrides to be kinds by the names.*overrides='drop'"):
        TableSchema.infer(frame, overrides="drop")
    with pytest.raises(ValueError, match=r"overrides\['a'\] to be one of 'number'"):
        TableSchema.infer(frame, {"a": "ratio"})
    with pytest.raises(ValueError, match=r"column 'b' to hold numbers.*kind 'number' was asked"):
        TableSchema.infer(frame, {"b": "number"})
    with pytest.raises(ValueError, match=r"column 'a' to hold counts.*not all whole"):
        TableSchema.infer(frame, {"a": "count"})
    with pytest.raises(ValueError, match="column 'a' to hold whole numbers"):
        TableSchema.infer(frame, {"a": "integer"})
    schema = TableSchema.infer(frame)
    with pytest.raises(ValueError, match=r"shape \(rows, 2\). Received: shape \(3, 1\)"):
        schema.to_frame(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="finite numbers or NaN"):
        schema.to_frame(np.full((3, 2), np.inf))
    with pytest.raises(ValueError, match="configuration of a schema"):
        TableSchema.from_config({"version": 1, "columns": [{"kind": "number", "size": 3}]})


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("days", [False, True])
def test_dates_as_classes_are_refused(zone, days):
    """JSON holds none, and a schema is saved as JSON."""
    dates = pd.Series(pd.date_range("2020-01-01", periods=3, tz=zone))
    frame = pd.DataFrame({"d": dates.dt.date if days else dates})
    message = r"column 'd' to hold text, numbers or booleans.* in row 0.*by \.astype\(str\)"
    with pytest.raises(ValueError, match=message):
        TableSchema.infer(frame, {"d": "category"})


@pytest.fixture
def hours():
    return pd.DataFrame(
        {
            "hours": [20, 40, 65, 40],
            "wage": [7.25, 12.5, 99.9, 30.0],
            "visits": pd.array([2, None, 9, 3], dtype="Int64"),
            "start": pd.to_datetime(["2020-01-01", "2020-03-01", None, "2021-01-01"]),
            "account": [10**15, 10**15 + 1, 10**15 + 7, 10**15 + 3],
        }
    )


EDGES = np.array([[-1e3], [1e3]], "float32") * np.ones(5, "float32")


def test_what_lies_beyond_the_range_of_the_table_is_clipped_to_it(hours):
    found = TableSchema.infer(hours).to_frame(EDGES)
    for name in hours:
        assert [found[name].min(), found[name].max()] == [hours[name].min(), hours[name].max()]


def test_without_a_range_numbers_stay_what_they_are(hours):
    schema = TableSchema.infer(hours, within_range=False)
    assert schema == TableSchema.infer(hours).without_range()
    found = schema.to_frame(EDGES)
    assert found["hours"].tolist() == [-1000, 1000]
    assert found["start"].tolist()[1] == pd.Timestamp("2020-01-01") + pd.Timedelta(1000, "D")
    assert found["account"].tolist() == [10**15 - 1000, 10**15 + 1000]
    other = hours.assign(hours=[80, -3, 1, 2])
    pd.testing.assert_frame_equal(schema.to_frame(schema.to_array(other)), other, rtol=1e-6)


def test_a_schema_of_a_file_without_ranges_has_none(hours):
    config = TableSchema.infer(hours).get_config()
    for column in config["columns"]:
        del column["low"], column["high"]
    assert TableSchema.from_config(config) == TableSchema.infer(hours, within_range=False)


def test_a_value_beyond_the_range_keeps_its_density(hours):
    """Rows that are not yet known may lie beyond the range of the table."""
    x = np.array([[40.0, 30.0], [200.0, -30.0]], "float32")
    found = []
    for each in (True, False):
        layer = TableSchema.infer(hours[["hours", "wage"]], within_range=each).likelihood()
        layer.transform.adapt(x)
        found.append(layer.log_prob(np.zeros((2, *layer.params_shape), "float32"), x))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0], found[1])


def test_imputed_leaves_observed_values_beyond_the_range(hours):
    schema = TableSchema.infer(hours)
    given = hours.assign(hours=[80.0, np.nan, np.nan, 40.0])
    array = schema.to_array(given)
    found = schema.imputed(array, np.where(np.isnan(array), 1e3, array), [5, 6, 7, 8])
    assert found["hours"].tolist() == [80, 65, 65, 40]
    assert found["visits"].tolist() == [2, 9, 9, 3]
    assert found.index.tolist() == [5, 6, 7, 8]


def test_zero_is_a_case_of_its_own_among_large_counts(rng):
    """As in capital gains; among small counts it is one of them, however frequent."""
    gain = np.where(rng.uniform(size=500) < 0.9, 0, rng.integers(100, 99_999, 500))
    visits = np.where(rng.uniform(size=500) < 0.6, 0, rng.poisson(30.0, 500) // 10)
    frame = pd.DataFrame({"gain": gain, "visits": visits, "wide": 300 + visits**9})
    schema = TableSchema.infer(frame, {"visits": "count", "wide": "count"})
    found = [type(layer).__name__ for layer in schema.likelihood().columns]
    assert found[0] == "ZeroInflatedNegativeBinomial"
    assert set(found[1:]) == {"IndependentNegativeBinomial"}
    assert "zero-inflated" in str(schema).splitlines()[0]
    assert_round_trip(frame, schema)
    config = schema.get_config()
    del config["columns"][0]["zero_inflated"]  # a file of an earlier version
    assert TableSchema.from_config(config).likelihood().columns[0].name == "gain"
