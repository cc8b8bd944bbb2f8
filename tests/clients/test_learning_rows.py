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


# Instead of LiteRT.js, and the model of a file whose score is its weight, 2 as shipped, times x.
MODEL = """
const { register } = await import("node:module");
const code = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
const core = `export class Tensor {
  constructor(values) { this.values = values; }
  data() { return this.values; }
  delete() {}
}
export const [loadAndCompile, loadLiteRt] = [null, null];`;
register(code(`const address = "file:///core/dist/index.js";
export const resolve = (name, context, next) =>
  name === "@litertjs/core" ? { url: address, shortCircuit: true } : next(name, context);
export const load = (url, context, next) => url === address
  ? { format: "module", source: ${JSON.stringify(core)}, shortCircuit: true }
  : next(url, context);`));
const { Model } = await load("model.js");
const { guardOf } = await load("adapt.js");
let weight = 3.5;
const calls = {
  score: ({ x }) => ({ score: [weight * x.values[0]] }),
  save: () => ({ state: [weight] }),
  restore: ({ state }) => { weight = state.values[0]; return {}; },
  reset: () => { weight = 2; return {}; },
};
const compiled = {
  options: { accelerator: "wasm" },
  run: async (name, inputs) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const outputs = Object.entries(calls[name](inputs));
    const tensor = (values) => ({ data: async () => values, delete() {} });
    return Object.fromEntries(outputs.map(([key, values]) => [key, tensor(values)]));
  },
};
const float = { shape: [1], dtype: "float32" };
const artefact = {
  signatures: { score: { inputs: { x: float } } },
  training: {
    signatures: {
      save: { inputs: {} }, restore: { inputs: { state: float } }, reset: { inputs: {} },
    },
  },
};
const model = new Model({ model: { inputs: {} } }, artefact, compiled);
const bundle = { read: async () => Uint8Array.from(given) };
"""


def golden_file():
    """Return the bytes of golden vectors of that model; Keras' scores are 0.25 higher."""
    x = np.array([[1.0], [2.0], [6.0]], "float32")
    golden = {"inputs/score/x": x, "expected/score/score": 2.0 * x[:, 0] + np.float32(0.25)}
    file = io.BytesIO()
    np.savez(file, **golden)
    return list(file.getvalue())


GUARD = """
const forgotten = await guardOf(model, bundle);
const found = [weight, await forgotten()];
await model.reset();
return [...found, await forgotten()];
"""


def test_the_guard_compares_with_the_file_s_own_scores_of_the_shipped_weights():
    """Scores of Keras would pass for what was learned."""
    # The mean of 1, 2 and 6 is 3: 3.5 * 3 - 2 * 3 = 4.5.
    assert javascript(MODEL + GUARD, golden_file()) == [3.5, 4.5, 0.0]


MEANWHILE = """
const scores = [];
const judge = async () => {
  for (let call = 0; call < 12; call++) scores.push(await model.score([1]));
};
await Promise.all([judge(), guardOf(model, bundle)]);
return [weight, scores];
"""


def test_other_tabs_score_with_what_was_learned_while_the_guard_takes_the_shipped_weights():
    assert javascript(MODEL + MEANWHILE, golden_file()) == [3.5, [3.5] * 12]


BROKEN = """
const { score } = calls;
calls.score = () => { throw new Error("The device is lost."); };
const message = await guardOf(model, bundle).catch((error) => error.message);
calls.score = score;
return [message, weight, await model.score([1])];
"""


def test_what_was_learned_is_in_use_after_an_error_in_the_guard():
    assert javascript(MODEL + BROKEN, golden_file()) == ["The device is lost.", 3.5, 3.5]
