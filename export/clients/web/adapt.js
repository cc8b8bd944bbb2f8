// Training on the device: the steps, and the guard against forgetting, as in export/runtime.py.

import { parseNpz } from "./npy.js";
import { pauses } from "./pauses.js";

const GOLDEN = "golden.npz";
const GOLDEN_RATIO = 0x9e3779b9;
export const GUARD = 0.1; // nats for each number of an example

/** Return lowbias32 of a 32-bit word: Wellons' hash-prospector. */
function mixed(word) {
  word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
  return (word ^ (word >>> 16)) >>> 0;
}

/** Return which of `count` rows a step trains with: `rows_of_step` of export/runtime.py. */
export function rowsOfStep(seed, step, count, batch) {
  const word = mixed(mixed((seed + GOLDEN_RATIO) | 0) + step);
  return Array.from({ length: batch }, (_, place) => {
    const drawn = mixed((word + Math.imul(place, GOLDEN_RATIO)) | 0);
    return Number((BigInt(drawn) * BigInt(count)) >> 32n);
  });
}

/**
 * Return a function that says by how much the golden rows score worse than with the shipped weights, in
 * nats; infinity where a score is not finite.
 *
 * Both are scores of this file: the difference is of what was learned, not of rounding. Calls of the model
 * meanwhile compute with what was learned, see `Model.shipped`.
 *
 * @param {Model} model
 * @param {object} bundle From `openBundle`.
 * @returns {Promise<function(): Promise<number>>}
 */
export async function guardOf(model, bundle) {
  const golden = parseNpz(await bundle.read(GOLDEN), GOLDEN);
  const expected = golden["expected/score/score"];
  if (!model.has("score") || !expected) {
    throw new Error(
      "Expected a bundle with the signature score, for the guard against forgetting.",
    );
  }
  const names = Object.keys(model.signatures.score.inputs);
  const count = expected.values.length;
  const row = (name, index) => {
    const { values } = golden[`inputs/score/${name}`];
    return values.slice((index * values.length) / count, ((index + 1) * values.length) / count);
  };
  const mean = async (run) => {
    let sum = 0;
    for (let index = 0; index < count; index++) {
      const inputs = Object.fromEntries(names.map((name) => [name, row(name, index)]));
      const { score } = await run("score", inputs);
      if (!Number.isFinite(score[0])) return Infinity;
      sum += score[0] / count;
    }
    return sum;
  };
  const shipped = await model.shipped(mean);
  if (!Number.isFinite(shipped)) {
    throw new Error("Expected finite scores of the golden rows with the shipped weights.");
  }
  const learned = (signature, inputs) => model.run(signature, inputs, false);
  return async () => (await mean(learned)) - shipped;
}

/**
 * Train the weights that a file trains on rows that are known to be normal.
 *
 * A step changes nothing where its loss or a gradient is not finite. Where the golden rows score worse
 * than with the shipped weights by more than `guardNats`, the weights of the last check are put back and
 * training stops; so they are where an error or `goOn` ends it. All rows are checked before the first step.
 *
 * @param {Model} model
 * @param {{count: number, example: function(number): ArrayLike<number>}} rows
 * @param {object} how
 * @param {number} how.steps
 * @param {number} [how.seed] Chooses rows and noise: one seed learns the same in every client.
 * @param {number} [how.learningRate]
 * @param {number} [how.guardNats] By default 0.1 for each number of an example.
 * @param {number} [how.checkEvery] Steps from one check of the guard to the next.
 * @param {Object<string, ArrayLike<number>>} [how.others] Other inputs, the same for each row.
 * @param {function(): Promise<number>} forgotten From `guardOf`.
 * @param {function(number, number): boolean} goOn Called after each step with its number, from 1 on, and
 *     the loss before it, and with 0 while the rows are checked; false ends the training.
 * @returns {Promise<{losses: number[], skipped: number, guard: number, stopped: boolean}>}
 * @throws {Error} If a row is not finite or outside its domain: the first one is named, and nothing learned.
 */
export async function adapt(model, rows, how, forgotten, goOn) {
  const { steps, seed = 0, learningRate = 1e-3, checkEvery = 25, others = {} } = how;
  const { batch_size: batch } = model.training;
  const size = rows.example(0).length;
  const guardNats = how.guardNats ?? GUARD * size;
  const repeated = Object.entries(others).map(([name, values]) => [
    name,
    Array.from({ length: batch }, () => [...values]).flat(),
  ]);
  const losses = [];
  const pause = pauses();
  let [skipped, going] = [0, true];
  for (let row = 0; going && row < rows.count; row++) {
    try {
      model.check("x", rows.example(row));
    } catch (error) {
      throw new Error(`Row ${row + 1}: ${error.message}`);
    }
    await pause();
    going = goOn(0);
  }
  let kept = await model.state();
  let guard = await forgotten();
  try {
    while (going && losses.length < steps && !(guard > guardNats)) {
      for (let left = checkEvery; going && left > 0 && losses.length < steps; left--) {
        const x = new Float32Array(batch * size);
        rowsOfStep(seed, losses.length, rows.count, batch).forEach((row, place) =>
          x.set(rows.example(row), place * size),
        );
        const { loss, applied } = await model.run(
          "train",
          {
            x,
            seed: [losses.length, seed],
            learning_rate: [learningRate],
            ...Object.fromEntries(repeated),
          },
          false,
        );
        losses.push(loss[0]);
        if (applied[0] === 0) skipped++;
        going = goOn(losses.length, loss[0]);
        await pause();
      }
      guard = await forgotten();
      if (!(guard > guardNats)) kept = await model.state();
    }
  } finally {
    await model.take(kept);
  }
  return { losses, skipped, guard, stopped: guard > guardNats };
}
