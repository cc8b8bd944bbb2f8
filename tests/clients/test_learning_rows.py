"""The page checks all rows before it learns the first one."""

import pytest

from tests.clients.javascript import javascript

ADAPT = """
const { adapt } = await load("adapt.js");
let steps = 0;
const model = {
  training: { batch_size: 2 },
  state: async () => steps,
  take: async (state) => { steps = state; },
  check: (name, values) => { if (values.includes(-1)) throw new Error(`${name} is wrong`); },
  run: async () => { steps++; return { loss: [1 / steps], applied: [1] }; },
};
const [values, going] = given;
const rows = { count: values.length, example: (row) => [values[row], 2] };
const how = { steps: 3, guardNats: 1 };
const training = adapt(model, rows, how, async () => 0, () => going);
return [await training.then(() => null, (error) => error.message), steps];
"""


@pytest.mark.parametrize("place", [0, 1234, 1999])
def test_a_wrong_row_is_named_before_anything_is_learned(place):
    rows = [1] * 2000
    assert javascript(ADAPT, [rows, True]) == [None, 3]
    rows[place] = -1
    assert javascript(ADAPT, [rows, True]) == [f"Row {place + 1}: x is wrong", 0]


def test_training_that_is_stopped_while_rows_are_checked_takes_no_step():
    assert javascript(ADAPT, [[1] * 2000, False]) == [None, 0]
