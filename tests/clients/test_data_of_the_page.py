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
