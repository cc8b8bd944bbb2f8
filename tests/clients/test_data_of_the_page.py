"""How the page reads the data of a file, without a browser."""

import io

import numpy as np
import pandas as pd
import pytest

import kvae
from kvae.cli.table_cells import GAPS
from tests.clients.javascript import javascript

WINDOWS = """
const { examplesOf } = await load("csv.js");
const { count, example } = examplesOf(given.text, given.kind);
return Array.from({ length: count }, (_, row) => [...example(row)]);
"""


REFUSED = """
const { examplesOf } = await load("csv.js");
try {
  examplesOf(given.text, given.kind);
} catch (error) {
  return error.message;
}
"""


def series(grid, channels=None):
    names = channels or [f"channel {place}" for place in range(grid[1])]
    return {"name": "series", "grid": grid, "channels": names, "named": channels is not None}


def windows(text, grid, channels=None):
    """Return the windows that the page finds in a file; `channels` are named by the bundle."""
    return javascript(WINDOWS, {"text": text, "kind": series(grid, channels)})


def test_a_line_without_a_value_is_a_sample_of_missing_values():
    found = windows("a,b\n1,10\n2,20\n,\n4,40\n5,50\n6,60\n\n", [3, 2])
    assert found == [[1, 10, 2, 20, None, None], [4, 40, 5, 50, 6, 60]]
    assert windows('a\n1\n""\n3\n4\n\n', [2, 1]) == [[1, None], [3, 4]]


CELLS = """
const { cellsOf } = await load("csv.js");
return cellsOf(given);
"""


@pytest.mark.parametrize(
    "text",
    [
        'note,t\n5" screw,1\nplain,2\n6" screw,3\n',  # inches
        'note,t\n"a, b",1\n "c\nd",2\n"5"" e",3\n',
        'note,t\nx""y,1\n"x"y"z",2\n"""",3\n',
    ],
)
def test_quotes_are_read_as_pandas_reads_them(text):
    expected = pd.read_csv(io.StringIO(text), skipinitialspace=True, dtype=str)
    head, *lines = javascript(CELLS, text)
    assert head == ["note", "t"]
    assert [[cell.strip() for cell in line] for line in lines] == expected.to_numpy().tolist()


@pytest.mark.parametrize("kind", [{"name": "row", "columns": [{"name": "a"}, {"name": "b"}]}, None])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,b,note\n1,2,"x\ny"\n3,4,"broken\n5,6,ok\n', "quotes that end. Received: line 4"),
        (
            "a,b\n1,2\n1,5,2\n",
            "rows of 2 cells, one for each name. Received: row 2 with 3: 1, 5, 2",
        ),
    ],
)
def test_a_file_that_pandas_refuses_is_refused(kind, text, expected):
    with pytest.raises(pd.errors.ParserError):
        pd.read_csv(io.StringIO(text))
    given = {"text": text, "kind": kind or series([2, 2], ["a", "b"])}
    assert expected in javascript(REFUSED, given)


@pytest.mark.parametrize("text", ["0x10", "0b11", "0o7", "1_0", "1e", ".", "+", "1e5e5", "1 2"])
def test_what_is_text_to_pandas_is_no_number(text):
    frame = pd.read_csv(io.StringIO(f"a,b\n{text},1\n"))
    assert not pd.api.types.is_numeric_dtype(frame["a"])
    given = {"text": f"a,b\n{text},1\n", "kind": series([1, 2], ["a", "b"])}
    assert text in javascript(REFUSED, given)


@pytest.mark.parametrize("text", ["+1.5", "-.5", "5.", "1e3", "1E-3", " 7 ", "007"])
def test_numbers_are_read_as_pandas_reads_them(text):
    frame = pd.read_csv(io.StringIO(f"a\n{text}\n"), dtype="float64")
    assert windows(f"a\n{text}\n", [1, 1]) == [[pytest.approx(frame["a"][0])]]


def test_a_line_of_names_may_be_numbers():
    text = "0,1\n10,11\n12,13\n14,15\n"
    assert windows(text, [3, 2], ["0", "1"]) == [[10, 11, 12, 13, 14, 15]]
    assert windows(text, [4, 2]) == [[0, 1, 10, 11, 12, 13, 14, 15]]


SOURCE = """
const { sourceOf } = await load("source.js");
const file = { name: "x.npy", text: async () => given.text };
try {
  await sourceOf([file], given.kind);
} catch (error) {
  return error.message;
}
"""


def test_a_header_in_another_encoding_is_read_over():
    text = "\ufffdC,bar\n1,10\n2,20\n"  # what a browser makes of a degree sign in Latin-1
    assert windows(text, [2, 2]) == [[1, 10, 2, 20]]


@pytest.mark.parametrize("text", ["\x93NUMPY\x01\x00v\x00\n", "\ufffdPNG\n\x00\x00\n1,2\n"])
def test_a_file_that_is_no_text_is_named(text):
    words = "Expected a CSV file. Received: x.npy, which is no text file"
    assert javascript(SOURCE, {"text": text, "kind": series([2, 1])}) == words
    assert javascript(SOURCE, {"text": text, "kind": {"name": "row", "columns": []}}) == words


def test_a_line_without_numbers_is_quoted_in_part():
    found = javascript(REFUSED, {"text": "1\n" + 9000 * "a" + "\n", "kind": series([2, 1])})
    assert found == (
        "Expected a CSV file with 2 lines or more of 1 number. "
        f"Received: line 2 with {60 * 'a'} \u2026"
    )
    wide = javascript(REFUSED, {"text": "1\n" + 300 * "b," + "b\n", "kind": series([2, 1])})
    assert wide.endswith(f"Received: line 2 with {', '.join(50 * 'b')}, \u2026")
    column = classes("yes", "no")
    (refused,) = numbers(column, [9000 * "a"])
    assert refused == f"Expected one of yes, no in the column column. Received: {60 * 'a'} \u2026"
    names = javascript(
        REFUSED,
        {"text": 9000 * "a" + "\n1\n", "kind": {"name": "row", "columns": [{"name": "x"}]}},
    )
    assert names.endswith(f"Received: {60 * 'a'} \u2026")


ROWS = """
const { Kind } = await load("kind.js");
const { examplesOf } = await load("csv.js");
const kind = new Kind(given.manifest);
const { count, example } = examplesOf(given.text, kind);
const rows = Array.from({ length: count }, (_, row) => [...example(row)]);
return { name: kind.name, texts: rows.map((row) => kind.columns.map((each) => each.text(row))) };
"""


def rows(schema, text):
    """Return what the page takes the rows of a table for, and the values that it reads as text."""
    inputs = {"x": {"domain": schema.likelihood().domain.describe()}}
    manifest = {
        "table": schema.get_config(),
        "examples": {"ranges": {}},
        "model": {"event_shape": schema.event_shape, "inputs": inputs},
    }
    return javascript(ROWS, {"manifest": manifest, "text": text})


def test_a_table_of_many_numbers_is_no_series():
    values = np.random.default_rng(0).normal(size=(50, 20)).round(3)
    frame = pd.DataFrame(values, columns=[f"n{place}" for place in range(20)])
    text = frame[frame.columns[::-1]].to_csv(index=False)
    found = rows(kvae.data.TableSchema.infer(frame), text)
    assert found["name"] == "row"
    np.testing.assert_allclose(np.array(found["texts"], float), values, atol=1e-6)


def test_names_with_blanks_around_them_are_found():
    frame = pd.DataFrame({"a ": [0.5, 1.5], " a": [2.5, 3.5], "b": [4.5, 5.5]})
    found = rows(kvae.data.TableSchema.infer(frame), " b , a,a \n5.5,3.5,1.5\n")
    assert found["texts"] == [["1.5", "3.5", "5.5"]]
    assert windows("a, b \n1,2\n", [1, 2], [" b ", "a"]) == [[2, 1]]
    assert windows("a , b , c\n1,2,3\n", [1, 3], ["b ", "a ", "c"]) == [[2, 1, 3]]  # of pandas
    assert windows("a, b \n1,2\n", [1, 2], ["b", "a"]) == [[2, 1]]


NUMBERS = """
const { Column } = await load("columns.js");
const domain = { low: 0, high: 2, integer: true, one_hot: false, categories: 3 };
const column = new Column("column", 0, domain, domain, given.told);
return given.texts.map((text) => {
  try {
    return column.numbers(text)[0];
  } catch (error) {
    return error.message;
  }
});
"""


def numbers(told, texts):
    """Return the numbers that the page reads from texts of a column, or the messages of errors."""
    return javascript(NUMBERS, {"told": told, "texts": texts})


EMPTY = """
const { Column } = await load("columns.js");
const told = { kind: "number", name: "age", offset: 0 };
return [true, false].map((missing) => {
  const domain = { low: 0, high: 2, integer: false, one_hot: false, missing };
  try {
    return new Column("age", 0, domain, domain, told, missing).numbers(" NA ");
  } catch (error) {
    return error.message;
  }
});
"""


def test_an_empty_cell_where_no_value_can_be_missing_is_refused_by_its_column():
    words = "Expected a number in the column age. Received: a missing value"
    assert javascript(EMPTY) == [[None], words]


def classes(*categories, other=None):
    return {"kind": "category", "name": "column", "categories": categories, "other": other}


def test_a_class_is_found_by_its_exact_text_first():
    assert numbers(classes("A", "a", " a"), ["A", "a", " a", "a "]) == [0, 1, 2, 1]
    assert numbers(classes(" Private", " Other", other=" Other"), [" Private", "Private", "x"]) == [
        0,
        0,
        1,
    ]
    assert numbers(classes("Rome", "Oslo"), ["ROME", "oslo "]) == [0, 1]
    assert numbers(classes("A", "a"), [" b"]) == [
        "Expected one of A, a in the column column. Received: b"
    ]


def test_classes_that_are_numbers_or_booleans_are_found_by_value():
    assert numbers(classes(0.0, 1.0, 2.5), ["1", "1.0", "0.0", "2.50", ""]) == [1, 1, 0, 2, None]
    assert numbers(classes("1", 1.0), ["1", "1.0"]) == [0, 1]
    assert numbers(classes(False, True), ["True", "false", "TRUE"]) == [1, 0, 1]


def test_what_pandas_takes_as_missing_is_missing():
    found = javascript('return (await load("columns.js")).GAPS;')
    assert set(found) == GAPS
    assert len(found) == len(GAPS)
    texts = [*sorted(GAPS), " NA "]
    missing = [None] * len(texts)
    number = {"kind": "number", "name": "column", "offset": 0}
    date = {"kind": "date", "name": "column", "unit": "s", "step": "s", "zone": None, "start": 0}
    for told in (number, date, classes("a", "b", other="b"), None):
        assert numbers(told, texts) == missing
    assert numbers(classes("a", "NA", "none", other="a"), ["NA", " NA", "None", "nan"]) == [
        *(1, 1),
        *(None, None),
    ]


def test_a_series_has_the_same_marks_of_missing_values():
    assert windows("NA,1\n2,null\n3,nan\n4,-nan\n", [2, 2]) == [
        [None, 1, 2, None],
        [3, None, 4, None],
    ]


TEXTS = """
const { Column } = await load("columns.js");
const domain = { low: null, high: null, integer: false, one_hot: false };
const column = new Column("column", 0, domain, domain, given.told);
const texts = given.values.map((value) => column.text([value]));
return [texts, texts.map((text) => column.numbers(text)[0])];
"""


@pytest.mark.parametrize(
    ("first", "step", "values"),
    [
        (pd.Timestamp("2024-01-01", tz="Europe/Rome"), "D", [0, 30]),
        (pd.Timestamp("2024-03-30 12:00", tz="Europe/Rome"), "h", [0, 20, 5000]),  # summer time
        (pd.Timestamp("2024-01-01", tz="America/St_Johns"), "s", [0, 86399]),
        (pd.Timestamp("2024-01-01", tz="UTC"), "D", [1]),
        (pd.Timestamp("2024-01-01 00:00+05:45"), "D", [1]),
        (pd.Timestamp("0099-01-01", tz="UTC+0100").as_unit("s"), "D", [1]),
    ],
)
def test_dates_with_a_time_zone_are_shown_in_it_and_read_back(first, step, values):
    told = {"kind": "date", "name": "column", "step": step, "unit": "s", "zone": str(first.tz)}
    texts, again = javascript(
        TEXTS, {"told": {**told, "start": int(first.timestamp())}, "values": values}
    )
    assert texts == [(first + pd.Timedelta(value, step)).isoformat() for value in values]
    assert again == values


def test_dates_without_a_time_zone_have_no_offset():
    told = {"kind": "date", "name": "column", "unit": "s", "zone": None, "start": 1704067200}
    texts, again = javascript(TEXTS, {"told": {**told, "step": "D"}, "values": [0, 31]})
    assert (texts, again) == (["2024-01-01", "2024-02-01"], [0, 31])
    texts, again = javascript(TEXTS, {"told": {**told, "step": "s"}, "values": [3]})
    assert (texts, again) == (["2024-01-01T00:00:03"], [3])


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Rome", "2024-01-01"),
        ("Europe/Rome", "2024-01-01 00:00"),
        (None, "2024-01-01T00:00:00Z"),
        (None, "2024-01-01 00:00+05:00"),
    ],
)
def test_dates_with_and_without_a_time_zone_are_not_taken_for_each_other(zone, text):
    told = {"kind": "date", "name": "column", "unit": "s", "step": "s", "zone": zone, "start": 0}
    (found,) = javascript(NUMBERS, {"told": told, "texts": [text]})
    assert found.startswith(f"Expected a date {'with' if zone else 'without'} a time zone such as")
    assert found.endswith(f" in the column column. Received: {text}")


@pytest.mark.parametrize(
    "text",
    [
        *("1/2/2024", "31/01/2024", "Jan 5, 2024", "2024-1-5", "20240131", "2024", "5"),
        *("2024-02-30", "2023-02-29 10:00", "2024-13-01", "2024-01-31 24:00", "2024-01-31 noon"),
    ],
)
def test_dates_of_another_form_and_days_that_are_none_are_refused(text):
    told = {"kind": "date", "name": "column", "unit": "s", "step": "s", "zone": None, "start": 0}
    (found,) = numbers(told, [text])
    assert found.startswith("Expected a date without a time zone such as 2024-01-31 in the column")
    assert found.endswith(f"Received: {text}")


@pytest.mark.parametrize("zone", ["", "Z", "+02:00", "-0330", "+00", " +0100"])
@pytest.mark.parametrize("text", ["2024-02-29 10:00", "2024-01-31T10:00:00.123", "2024-01-31 09"])
def test_times_are_those_of_pandas(text, zone):
    told = {"kind": "date", "name": "column", "unit": "s", "step": "ms", "start": 0}
    expected = pd.Timestamp(text + zone).timestamp() * 1e3
    assert numbers({**told, "zone": zone or None}, [text + zone]) == [expected]


@pytest.mark.parametrize("zone", ["", "Z", " +01:00"])
def test_parts_of_a_time_have_as_many_digits_as_pandas_takes(zone):
    """An hour alone has two; where minutes follow, each part may have one."""
    times = ["7", "07", "007", "7:", "7:8", "07:8", "7:08", "7:60", "7:008", "24:8"]
    times += ["7:8:", "7:8:9", "7:08:9.5", "7:8:60", "7:8:009", "T7", "T7:8"]
    texts = [f"2024-01-05{time if time[0] == 'T' else f' {time}'}{zone}" for time in times]
    expected = []
    for text in texts:
        date = pd.to_datetime(pd.Series([text]), format="ISO8601", errors="coerce")[0]
        expected.append(None if pd.isna(date) else date.timestamp() * 1e3)
    told = {"kind": "date", "name": "column", "unit": "s", "step": "ms", "start": 0}
    found = numbers({**told, "zone": zone or None}, texts)
    read = [None if isinstance(each, str) else each for each in found]
    assert dict(zip(texts, read, strict=True)) == dict(zip(texts, expected, strict=True))


def test_a_line_of_a_series_whose_day_is_none_of_its_month_is_refused():
    text = "2024-02-28,1\n2024-02-29,2\n2024-02-30,3\n2024-03-02,4\n"
    found = javascript(REFUSED, {"text": text, "kind": series([2, 1])})
    assert found == (
        "Expected dates that increase from line to line. Received: line 3 with 2024-02-30, 3"
    )
