"""What a .csv file is taken for: numbers, dates or text, and what is refused or warned of."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kvae.cli.table_cells import GAPS, read_csv
from kvae.cli.table_files import FEW, read_table
from kvae.data import TableSchema
from kvae.data.tables.gaps import filled_by_schema
from kvae.estimators.detector_table import detector_schema

ROWS = 60
DAYS = [pd.Timestamp("2024-01-20") + pd.Timedelta(days=place) for place in range(ROWS)]


def written(folder, text):
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def of_column(folder, values, name="c"):
    """Return a file of a column of numbers and one of the given text."""
    lines = [f'{place / 8},"{value}"' for place, value in enumerate(values)]
    return written(folder, "\n".join([f"a,{name}", *lines]) + "\n")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1.5"] * 40 + ["?"] * 20, "to hold numbers, as some of it does. Received: '?' in row 40"),
        (["-"] * 40 + ["7"] * 20, "to hold numbers, as some of it does. Received: '-' in row 0"),
        (["12"] * 40 + ["1,234"] * 20, "'1,234' in row 40. Write numbers without units"),
        (["2024-01-31"] * 59 + ["2024-02-30"], "to hold dates. Received: '2024-02-30' in row 59"),
        (
            ["2024-01-31"] * 40 + ["soon"] * 20,
            "to hold dates, as most of it does. Received: 'soon'",
        ),
        (["2024-01-31"] * 40 + ["3/1/2024"] * 20, "in row 40. Write all dates as 2024-12-31"),
        (
            ["1.5"] * 50 + ["ERR", "fault", "ERR"],
            "'ERR' in row 50. Leave missing values empty; 3 cells of the column are no numbers. "
            'Where they are classes, kvae train takes --column "c=category", but not with --window',
        ),
    ],
)
def test_text_among_numbers_or_dates_is_refused(values, message, tmp_path):
    with pytest.raises(ValueError, match="column 'c' of DATA") as caught:
        read_table(of_column(tmp_path, values), "DATA")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"{day.month}/{day.day}/{day.year}" for day in DAYS], "'1/20/2024' look like dates"),
        ([day.strftime("%d.%m.%Y") for day in DAYS], "'20.01.2024' look like dates"),
        ([day.strftime("%d %b %Y %I:%M %p") for day in DAYS], "look like dates"),
        ([day.strftime("%Y%m%d") for day in DAYS], "'20240120' look like dates"),
        ([f"${1000 + place:,}.50" for place in range(ROWS)], "'$1,000.50' look like numbers"),
        ([f"{place}%" for place in range(ROWS)], "'0%' look like numbers"),
        ([f"{place},5" for place in range(ROWS)], "'0,5' look like numbers"),
        ([f"{place:03d}" for place in range(ROWS)], "such as '000' have leading zeros"),
    ],
)
def test_columns_that_look_like_something_else_are_warned_of(values, message, tmp_path):
    with pytest.warns(UserWarning, match="Column 'c' of DATA is read as") as caught:
        frame = read_table(of_column(tmp_path, values), "DATA")
    assert len(frame) == ROWS
    (said,) = caught
    assert message in str(said.message)


@pytest.mark.parametrize(
    "values",
    [
        [f"c{place}" for place in range(ROWS)],
        [f"{place}{'ab'[place % 2]}" for place in range(ROWS)],
        [f"10.0.{place}.1" for place in range(ROWS)],
        ["$10", "$20", "$30"] * 20,  # few values are classes
        ["1/1/2024", "1/1/2025"] * 30,
        ["1", "other", "more"] * 20,
        [str(20_250_000 + place) for place in range(ROWS)],
    ],
)
def test_other_text_and_few_classes_are_not_warned_of(values, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = read_table(of_column(tmp_path, values), "DATA")
    assert frame["c"].astype(str).tolist() == values


def test_codes_keep_their_leading_zeros(tmp_path):
    codes = ["00501", "10001", "", "02139"] * 15
    with pytest.warns(UserWarning, match="Column 'c' of DATA is read as text"):
        frame = read_table(of_column(tmp_path, codes), "DATA")
    assert frame["c"].fillna("").tolist() == codes
    assert frame["a"].dtype == "float64"


def test_whole_numbers_beyond_int64_are_text(tmp_path):
    for start in (10**19, 10**24):
        values = [str(start + place) for place in range(ROWS)]
        assert read_table(of_column(tmp_path, values), "DATA")["c"].tolist() == values


@pytest.mark.parametrize("gap", ["", "nan"])
def test_a_gap_among_whole_numbers_beyond_int64_is_missing(gap, tmp_path):
    numbers = [str(10**19 + place) for place in range(ROWS)]
    cells = [gap if place % 5 == 0 else number for place, number in enumerate(numbers)]
    text = "\n".join(f"{place / 8},{cell}" for place, cell in enumerate(cells))
    read = read_table(written(tmp_path, f"a,c\n{text}\n"), "DATA")["c"]
    assert read.dropna().tolist() == [cell for cell in cells if cell != gap]
    assert read.isna().tolist() == [cell == gap for cell in cells]


@pytest.mark.parametrize("gaps", [False, True])
def test_long_whole_numbers_beside_codes_stay_numbers(gaps, tmp_path):
    stamps = [1_700_000_000_000_000_413 + 1_000 * place for place in range(ROWS)]
    lines = [f"{stamp},{place:05d}" for place, stamp in enumerate(stamps)]
    lines += [",00001"] if gaps else []
    with pytest.warns(UserWarning, match="Column 'zip' of DATA is read as text") as caught:
        read = read_table(written(tmp_path, "\n".join(["t,zip", *lines])), "DATA")
    assert len(caught) == 1
    assert pd.api.types.is_integer_dtype(read["t"].dtype)
    assert read["t"].dropna().tolist() == stamps


def test_whole_numbers_beside_gaps_are_not_rounded(tmp_path):
    """float64 has steps of 256 there."""
    stamps = [1_700_000_000_000_000_413 + 1_000 * place for place in range(ROWS)]
    lines = [f"{stamp},{place},{place}e17" for place, stamp in enumerate(stamps)]
    read = read_table(written(tmp_path, "\n".join(["t,n,f", *lines, ",,"])), "DATA")
    assert read.dtypes.astype(str).tolist() == ["Int64", "float64", "float64"]
    assert read["t"].dropna().tolist() == stamps
    assert read["t"].isna().tolist() == [False] * ROWS + [True]
    for trained_on in (read, read.astype({"t": "float64"})):
        schema = TableSchema.infer(trained_on, {"t": "integer", "n": "integer", "f": "number"})
        x = schema.to_array(read)
        whole = filled_by_schema(schema, read, x, np.nan_to_num(x))
        assert whole["t"].tolist()[:ROWS] == stamps
        assert whole["t"].notna().all()


def test_classes_that_are_rounded_numbers_are_known_again(tmp_path):
    classes = [1_700_000_000_000_000_413, 1_800_000_000_000_000_413]
    frame = pd.DataFrame({"c": [*classes, None] * 20}, dtype="float64")
    schema = TableSchema.infer(frame, {"c": "category"})
    read = read_table(
        written(tmp_path, f"c,a\n{classes[0]},1\n{classes[1]},2\n,3\n"), "DATA", schema
    )
    np.testing.assert_array_equal(schema.to_array(read[["c"]])[:, 0], [0.0, 1.0, np.nan])


def test_gaps_are_what_pandas_takes_as_missing(tmp_path):
    frame = read_csv(written(tmp_path, "a,c\n" + "".join(f"1,{gap}\n" for gap in GAPS)))
    assert frame["c"].isna().all()


@pytest.mark.parametrize("gap", ["", "NULL", "n/a", "#N/A", "<NA>"])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_the_order_of_long_numbers_and_gaps_changes_nothing(gap, order, tmp_path):
    cells = [gap, "-1", *(str(10**19 + place) for place in range(FEW))][order]
    text = "\n".join(f"{place / 8},{cell}" for place, cell in enumerate(cells))
    with pytest.warns(UserWarning, match="are not read as numbers"):
        read = read_table(written(tmp_path, f"a,c\n{text}\n"), "DATA")["c"]
    assert read.isna().tolist() == [cell == gap for cell in cells]
    assert read.dropna().tolist() == [cell for cell in cells if cell != gap]


@pytest.mark.parametrize(
    "values",
    [
        [f"1_{place:03d}" for place in range(ROWS)],
        [f"\u0661{chr(0x0660 + place // 10)}{chr(0x0660 + place % 10)}" for place in range(ROWS)],
        ["-1", *(str(10**19 + place) for place in range(ROWS - 1))],
    ],
)
def test_numbers_that_pandas_does_not_read_are_text(values, tmp_path):
    with pytest.warns(UserWarning, match=f"'{values[0]}' are not read as numbers: write them with"):
        read = read_table(of_column(tmp_path, values), "DATA")
    assert read["c"].tolist() == values


def test_the_classes_of_a_schema_are_read_as_they_are_written(tmp_path):
    """A file may hold only those that look like numbers, or codes where the schema has numbers."""
    frame = pd.DataFrame({"a": np.arange(60) / 8, "c": ["1", "2", "A"] * 20, "one": ["7"] * 60})
    schema = TableSchema.infer(frame)
    path = written(tmp_path, "a,c,one\n" + "0.5,1,7\n0.75,02,7\n" * 20)
    read = read_table(path, "DATA", schema)
    assert read["c"].tolist() == ["1", "02"] * 20
    assert schema.to_array(read[::2])[:, 1].tolist() == [0.0] * 20
    numbers = TableSchema.infer(frame.assign(c=[*range(30)] * 2))
    assert read_table(path, "DATA", numbers)["c"].tolist() == [1, 2] * 20


@pytest.mark.parametrize("classes", [[" a", "b ", "c"], [" a", "a", "  a"], [" ", " NA", "b, c"]])
def test_classes_keep_the_spaces_that_they_begin_with(classes, tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "c": classes * 20, "one": [" x"] * 60})
    schema = TableSchema.infer(frame)
    frame.to_csv(tmp_path / "table.csv", index=False)
    read = read_table(tmp_path / "table.csv", "DATA", schema)
    pd.testing.assert_frame_equal(schema.to_frame(schema.to_array(read)), frame)


@pytest.mark.parametrize(
    "style",
    [
        'a, "c"\n1, "c"\n2, "d, e"\n',
        'a, c, "t"\n1, c, "x, y"\n2, "d, e", z\n',
        'a, t, c\n1, "x\ny", c\n2, z, "d, e"\n',
    ],
)
def test_spaces_after_commas_are_no_part_of_other_classes(style, tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "c": [" a", "c", "d, e", "d"] * 15})
    schema = TableSchema.infer(frame)
    read = read_table(written(tmp_path, style), "DATA", schema)
    assert read["c"].tolist() == ["c", "d, e"]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "2", "A"] * 20, "category", ["1", "2", "A"] * 20),
        (["1", "2", "A"] * 20, "drop", ["1", "2", "A"] * 20),
        (["2024-01-31", "soon"] * 30, "category", ["2024-01-31", "soon"] * 30),
        (["01", "02"] * 30, "count", [1, 2] * 30),
        (["20240131"] * 30 + ["20240201"] * 30, "integer", [20240131] * 30 + [20240201] * 30),
    ],
)
def test_the_kind_that_the_user_named_decides(values, kind, read, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = read_table(of_column(tmp_path, values), "DATA", kinds={"c": kind})
    assert frame["c"].tolist() == read


def test_the_class_of_unknown_values_makes_no_text_of_numbers(tmp_path):
    path = written(tmp_path, "zip,a\n" + "10115,0.5\n20095,1.5\n" * 30)
    trained_on = read_table(path, "DATA", kinds={"zip": "category"})
    schema = detector_schema(trained_on, {"zip": "category"})
    again = read_table(path, "DATA", schema)
    np.testing.assert_array_equal(schema.to_array(again), schema.to_array(trained_on))
    assert set(schema.to_array(again)[:, 0]) == {0.0, 1.0}


@pytest.mark.parametrize("known", [["10115"], ["10115", "20095"] * 4])
def test_unknown_text_beside_classes_that_are_numbers_changes_none_of_them(known, tmp_path):
    path = written(tmp_path, "zip,a\n" + "10115,0.5\n20095,1.5\n" * 30)
    kinds = {"zip": "category"}
    trained_on = read_table(path, "DATA", kinds=kinds)
    cells = [*known, "", "A-1", "?"]
    path = written(tmp_path, "zip,a\n" + "".join(f"{cell},0.5\n" for cell in cells))
    schema = detector_schema(trained_on, kinds)
    places = [["10115", "20095"].index(each) for each in known]
    read = read_table(path, "DATA", schema)
    np.testing.assert_array_equal(schema.to_array(read)[:, 0], [*places, np.nan, 2, 2])
    plain = TableSchema.infer(trained_on, kinds)
    with pytest.raises(ValueError, match=f"one of 10115, 20095.* 'A-1' in row {len(known) + 1}"):
        plain.to_array(read_table(path, "DATA", plain))


@pytest.mark.parametrize("words", [["False", "True"], ["false", "TRUE"]])
def test_unknown_text_beside_booleans_changes_none_of_them(words, tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "flag": [False, True] * 30})
    cells = [*words, "", *words, "maybe"]
    path = written(tmp_path, "a,flag\n" + "".join(f"0.5,{cell}\n" for cell in cells))
    schema = TableSchema.infer(frame)
    read = read_table(path, "DATA", schema)
    with pytest.raises(ValueError, match=r"one of False, True\. Received: 'maybe' in row 5"):
        schema.to_array(read)
    places = schema.to_array(read, unknown="missing")[:, 1]
    np.testing.assert_array_equal(places, [0, 1, np.nan, 0, 1, np.nan])


def test_what_a_schema_leaves_out_is_not_looked_at(tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "c": ["1", "2", "A"] * 20})
    schema = TableSchema.infer(frame, overrides={"c": "drop"})
    path = of_column(tmp_path, ["1.5"] * 40 + ["?"] * 20)
    assert read_table(path, "DATA", schema)["c"].tolist() == ["1.5"] * 40 + ["?"] * 20


@pytest.mark.parametrize(
    "cells", [["00001", "00002"], ["7", ""], ["1.50", "2"], ["None", ""], ["n/a", "7"], ["NA", "b"]]
)
def test_what_a_schema_leaves_out_stays_as_it_is_written(cells, tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "c": [*range(60)]})
    schema = TableSchema.infer(frame, ids="drop")
    read = read_table(of_column(tmp_path, cells * 30), "DATA", schema)
    assert read["c"].fillna("").tolist() == cells * 30
    assert read["c"].isna().tolist() == [not cell for cell in cells] * 30


def test_words_are_missing_beside_columns_that_a_schema_leaves_out(tmp_path):
    frame = pd.DataFrame({"a": np.arange(60) / 8, "b": ["x", "y"] * 30, "c": [*range(60)]})
    schema = TableSchema.infer(frame, ids="drop")
    cells = "".join(f"{gap},{gap},{gap}\n0.5,x,7\n" for gap in sorted(GAPS))
    with pytest.warns(UserWarning, match="in column 'b' of DATA is read as a missing value"):
        read = read_table(written(tmp_path, f"a,b,c\n{cells}"), "DATA", schema)
    assert read["a"].isna().tolist() == read["b"].isna().tolist() == [True, False] * len(GAPS)
    assert read["a"].dtype == "float64"
    assert read["c"].fillna("").tolist()[::2] == sorted(GAPS)


@pytest.mark.parametrize("word", ["None", "NA"])
def test_a_word_that_is_taken_as_missing_is_told(word, tmp_path):
    with pytest.warns(UserWarning, match=f"'{word}' in column 'c' of DATA .* in 20 rows") as caught:
        frame = read_table(of_column(tmp_path, [word, "basic", ""] * 20), "DATA")
    assert len(caught) == 1
    assert frame["c"].isna().sum() == 40


def test_the_index_of_a_parquet_file_that_has_a_name_or_dates_is_read(tmp_path):
    path = tmp_path / "table.parquet"
    for name, first in (("when", "when"), (None, "index")):
        pd.DataFrame({"a": range(ROWS)}, pd.Index(DAYS, name=name)).to_parquet(path)
        read = read_table(path, "DATA")
        assert read.columns.tolist() == [first, "a"]
        assert read[first].tolist() == DAYS
    pd.DataFrame({"a": range(ROWS)}, range(ROWS, 0, -1)).to_parquet(path)
    assert read_table(path, "DATA").columns.tolist() == ["a"]


def test_dates_with_the_offsets_of_summer_and_winter_are_instants(tmp_path):
    local = pd.date_range("2024-01-01 12:00", periods=ROWS, freq="7D", tz="Europe/Oslo")
    frame = read_table(of_column(tmp_path, [day.isoformat() for day in local]), "DATA")
    assert str(frame["c"].dt.tz) == "UTC"
    assert frame["c"].tolist() == list(local)


@pytest.mark.parametrize("names", [["a", "a", "b"], ["a", "a", "a.1"], ["b", "a", "a"]])
def test_columns_of_one_name_are_refused(names, tmp_path):
    path = written(tmp_path, "\n".join([",".join(names)] + ["1,2,3"] * 30))
    with pytest.raises(ValueError, match=r"columns of different names\. .*'a' 2 times"):
        read_table(path, "DATA")


@pytest.mark.parametrize(
    "text",
    [
        "a\n" + "51,26\n" * 30,
        "a,b\n" + "0,1,2\n" * 30,
        "Exported today\na,b,c\n1,2,3\n",
        "t,a\n" + "".join(f"{place},{place / 8},\n" for place in range(ROWS)),
        "t,a\n" + "".join(f"{1_700_000_000 + 60 * place},1.5,2.5\n" for place in range(ROWS)),
        "t,a\n0,1.5,\n",
    ],
)
def test_more_values_than_names_are_refused(text, tmp_path):
    """Pandas makes an index of the first ones: 51,26 would be 26."""
    with pytest.raises(ValueError, match="fewer names than there are values in a row"):
        read_table(written(tmp_path, text), "DATA")


def test_columns_of_numbers_without_rows_have_names(tmp_path):
    assert read_table(written(tmp_path, "a,b\n"), "DATA").columns.tolist() == ["a", "b"]


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path):
    path = written(tmp_path, "\ufeffa,b\n" + "1,2\n" * 30)
    assert read_table(path, "DATA").columns.tolist() == ["a", "b"]


def test_semicolons_and_decimal_commas_are_explained(tmp_path):
    path = written(tmp_path, "a;b\n" + "1,5;2\n" * 30)
    with pytest.raises(ValueError, match=r"read_csv\(path, sep=';'\), with decimal=','"):
        read_table(path, "DATA")
    path = written(tmp_path, "heat, C;load, kW\n" + "21,5;2,25\n" * 30)
    with pytest.raises(ValueError, match="values with commas between them"):
        read_table(path, "DATA")


def test_an_archive_is_said_to_be_one(tmp_path):
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=50)})
    path = tmp_path / "table.csv"
    frame.to_csv(path, compression="zip")
    with pytest.raises(ValueError, match=r"It is compressed \(zip\): decompress it first"):
        read_table(path, "DATA")


def test_what_to_csv_writes_is_read(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": random.normal(size=30), "n": random.integers(0, 50, 30), "d": DAYS[:30]}
    )
    frame.to_csv(tmp_path / "table.csv")  # with its index, without a name
    read = read_table(tmp_path / "table.csv", "DATA")
    pd.testing.assert_frame_equal(read.drop(columns="Unnamed: 0"), frame, check_dtype=False)
