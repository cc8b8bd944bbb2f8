"""The page checks all rows before it learns the first one, and guards against forgetting."""

import io

import numpy as np
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


GUARD = """
const { guardOf } = await load("adapt.js");
let weight = 3.5;
const model = {
  signatures: { score: { inputs: { x: {} } } },
  has: () => true,
  state: async () => weight,
  take: async (state) => { weight = state; },
  reset: async () => { weight = 2; },
  run: async (name, { x }) => ({ score: [weight * x[0]] }),
};
const forgotten = await guardOf(model, { read: async () => Uint8Array.from(given) });
const found = [weight, await forgotten()];
await model.reset();
return [...found, await forgotten()];
"""


def test_the_guard_compares_with_the_file_s_own_scores_of_the_shipped_weights():
    """Scores of Keras, here 0.25 higher, would pass for what was learned."""
    x = np.array([[1.0], [2.0], [6.0]], "float32")
    golden = {"inputs/score/x": x, "expected/score/score": 2.0 * x[:, 0] + np.float32(0.25)}
    file = io.BytesIO()
    np.savez(file, **golden)
    # The mean of 1, 2 and 6 is 3: 3.5 * 3 - 2 * 3 = 4.5.
    assert javascript(GUARD, list(file.getvalue())) == [3.5, 4.5, 0.0]
