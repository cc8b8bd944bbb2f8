// The point that is shown: a draw from the prior by its seed, or a latent vector; and the other
// inputs. It stands in the address of the page, so that a link shows the same.

import { numberOf, quoted } from "./columns.js";
import { exact } from "./number.js";

const OWN = ["seed", "z"];
/** What a seed is. */
export const SEEDS = "a whole number of 32 bits";

export class Point {
  /**
   * @param {{seed: ?number, z: ?number[]}} place One of both; of a draw z is added when it is drawn.
   * @param {Object<string, number[]>} others Other inputs by name.
   */
  constructor({ seed = null, z = null }, others = {}) {
    this.seed = seed;
    this.z = z === null ? null : Float32Array.from(z);
    this.others = others;
  }

  /** Return the point with z changed in some places: pairs of index and value. */
  moved(pairs) {
    const z = Float32Array.from(this.z);
    for (const [index, value] of pairs) z[index] = value;
    return new Point({ z }, this.others);
  }

  /** Return the point with other inputs beside it. */
  beside(others) {
    return new Point(this, others);
  }

  /** Write the point into the parameters of an address. */
  write(parameters) {
    for (const name of [...OWN, ...Object.keys(this.others)]) parameters.delete(name);
    if (this.seed !== null) parameters.set("seed", this.seed);
    else parameters.set("z", Array.from(this.z, exact).join(","));
    for (const [name, values] of Object.entries(this.others))
      parameters.set(name, values.join(","));
  }

  /**
   * Return the point that an address names, null where it names none.
   *
   * @param {URLSearchParams} parameters
   * @param {Object<string, number[]>} others What the other inputs are unless it names them.
   * @param {number} size Length of z.
   * @param {function(string)} refuse Called with a sentence for each value that is none.
   */
  static read(parameters, others, size, refuse = () => {}) {
    const found = (name, expected, fits) => {
      const text = parameters.get(name);
      if (!text) return null;
      const values = text.split(",").map(numberOf);
      if (values.every((value) => Number.isFinite(Math.fround(value))) && fits(values))
        return values;
      refuse(`Expected ${name} in the address to be ${expected}. Received: ${quoted([text])}`);
      return null;
    };
    const named = Object.entries(others).map(([name, { length }]) => {
      return [name, found(name, count(length), (values) => values.length === length)];
    });
    const beside = Object.fromEntries(
      named.map(([name, values]) => [name, values ?? others[name]]),
    );
    const seed = found("seed", SEEDS, ([value, ...more]) => isSeed(value) && !more.length);
    if (seed) return new Point({ seed: seed[0] }, beside);
    const z = size
      ? found("z", count(size), ({ length }) => length === size)
      : found("z", "absent, since this model has no latent axes", () => false);
    if (z) return new Point({ z }, beside);
    return named.some(([, values]) => values) ? new Point({}, beside) : null;
  }
}

/** Return whether a number is a seed. */
export function isSeed(value) {
  return value === (value | 0);
}

function count(length) {
  return length === 1 ? "a number" : `${length} numbers with commas between them`;
}
