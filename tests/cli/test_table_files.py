"""What a .csv file is taken for: numbers, dates or text, and what is refused or warned of."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kvae.cli.table_files import read_table

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
            "'ERR' in row 50. Leave missing values empty; 3 cells of the column are no numbers",
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
        ([f"{place:03d}" for place in range(ROWS)], "'000' lose their leading zeros"),
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
    "text", ["a\n" + "51,26\n" * 30, "a,b\n" + "0,1,2\n" * 30, "Exported today\na,b,c\n1,2,3\n"]
)
def test_more_values_than_names_are_refused(text, tmp_path):
    """Pandas makes an index of the first ones: 51,26 would be 26."""
    with pytest.raises(ValueError, match="fewer names than there are values in a row"):
        read_table(written(tmp_path, text), "DATA")


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path):
    path = written(tmp_path, "\ufeffa,b\n" + "1,2\n" * 30)
    assert read_table(path, "DATA").columns.tolist() == ["a", "b"]


def test_semicolons_and_decimal_commas_are_explained(tmp_path):
    path = written(tmp_path, "a;b\n" + "1,5;2\n" * 30)
    with pytest.raises(ValueError, match=r"read_csv\(path, sep=';'\), with decimal=','"):
        read_table(path, "DATA")


def test_what_to_csv_writes_is_read(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": random.normal(size=30), "n": random.integers(0, 50, 30), "d": DAYS[:30]}
    )
    frame.to_csv(tmp_path / "table.csv")  # with its index, without a name
    read = read_table(tmp_path / "table.csv", "DATA")
    pd.testing.assert_frame_equal(read.drop(columns="Unnamed: 0"), frame, check_dtype=False)
