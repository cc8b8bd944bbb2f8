"""What `make test` runs of a battery, and that the rest is left to `make test-all`."""

import pytest

from tests.selection import FEW, ONE_IN, sample

CHECKS, CASES = 5, 11


class Item:
    def __init__(self, nodeid, *markers):
        self.nodeid, self.markers = nodeid, markers

    def get_closest_marker(self, name):
        return name if name in self.markers else None


@pytest.fixture
def battery():
    return [
        Item(f"tests/layers/test_a.py::test_{check}[{case}]")
        for check in range(CHECKS)
        for case in range(CASES)
    ]


def test_a_share_of_a_battery_runs(battery):
    assert len(sample(battery)) == pytest.approx(len(battery) / ONE_IN, abs=CHECKS)


def test_every_check_and_every_case_is_tried(battery):
    kept = [item.nodeid.split("::")[1] for item in sample(battery)]
    assert {name.split("[")[0] for name in kept} == {f"test_{check}" for check in range(CHECKS)}
    assert {name.split("[")[1] for name in kept} == {f"{case}]" for case in range(CASES)}


def test_few_cases_and_what_is_no_battery_run_in_full():
    few = [Item(f"tests/layers/test_a.py::test_few[{case}]") for case in range(FEW - 1)]
    others = [Item(f"tests/export/test_a.py::test_many[{case}]") for case in range(CASES)]
    assert sample([*few, *others]) == [*few, *others]


def test_what_is_thorough_is_left_out_wherever_it_is():
    item = Item("tests/export/test_a.py::test_long", "thorough")
    assert sample([item, Item("tests/export/test_a.py::test_short")])[0].nodeid.endswith("short")
    assert sample([item]) == []
