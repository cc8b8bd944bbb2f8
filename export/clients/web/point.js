// The point that is shown: a draw from the prior by its seed, or a latent vector; and the other
// inputs. It stands in the address of the page, so that a link shows the same.

import { exact } from "./number.js";

const OWN = ["seed", "z"];

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
   */
  static read(parameters, others, size) {
    const named = Object.entries(others).map(([name, values]) => {
      const found = numbers(parameters.get(name));
      return [name, found?.length === values.length ? found : values];
    });
    const beside = Object.fromEntries(named);
    const [seed] = numbers(parameters.get("seed")) ?? [];
    if (Number.isInteger(seed)) return new Point({ seed }, beside);
    const z = numbers(parameters.get("z"));
    if (z && z.length === size) return new Point({ z }, beside);
    return Object.keys(others).some((name) => parameters.has(name)) ? new Point({}, beside) : null;
  }
}

function numbers(text) {
  if (!text) return null;
  const found = text.split(",").map(Number);
  return found.every(Number.isFinite) ? found : null;
}
