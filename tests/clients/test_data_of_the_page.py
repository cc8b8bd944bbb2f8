"""How the page reads the data of a file, without a browser."""

from tests.clients.javascript import javascript

WINDOWS = """
const { examplesOf } = await load("csv.js");
const { count, example } = examplesOf(given.text, given.kind);
return Array.from({ length: count }, (_, row) => [...example(row)]);
"""


def windows(text, grid, channels=None):
    """Return the windows that the page finds in a file; `channels` are named by the bundle."""
    names = channels or [f"channel {place}" for place in range(grid[1])]
    kind = {"name": "series", "grid": grid, "channels": names, "named": channels is not None}
    return javascript(WINDOWS, {"text": text, "kind": kind})


def test_a_line_without_a_value_is_a_sample_of_missing_values():
    found = windows("a,b\n1,10\n2,20\n,\n4,40\n5,50\n6,60\n\n", [3, 2])
    assert found == [[1, 10, 2, 20, None, None], [4, 40, 5, 50, 6, 60]]
    assert windows('a\n1\n""\n3\n4\n\n', [2, 1]) == [[1, None], [3, 4]]


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
