// The ways from a point A to a point B: straight, along the arc, through the examples.

import { CodeGraph } from "./code_graph.js";
import { linear, spherical } from "./paths.js";

const SIGNATURES = { line: "interpolate", arc: "interpolate_spherical", examples: "decode" };
const BREATH = 50; // milliseconds of work after which the page may answer

export class Ways {
  #codes = null;
  #graph = null;
  #last = { key: null, way: null }; // through the examples
  #model;
  #on;

  /**
   * @param {{others: function(string): object, search: function(boolean), gone: function(ArrayLike[], ArrayLike)}}
   *     on The other inputs of a signature; called with whether a way through the examples is searched, and with
   *     the points of such a way and the place on it.
   */
  constructor(on) {
    this.#on = on;
  }

  /** Take a model, and the codes of the examples, null where there are none. */
  use(model, kind, codes) {
    this.#model = model;
    this.#last = { key: null, way: null };
    if (codes === this.#codes) return;
    this.#codes = codes;
    // The columns of a table have units of their own, in which there is no distance.
    this.#graph = codes && kind.name !== "row" ? new CodeGraph(codes) : null;
  }

  /** The names of the ways that the model can go. */
  get known() {
    const possible = (way) => this.#model.has(SIGNATURES[way]);
    return Object.keys(SIGNATURES).filter(
      (way) => possible(way) && (way !== "examples" || this.#graph),
    );
  }

  /**
   * Return what a model decodes at share `t` of a way; null where another model was taken meanwhile.
   *
   * @param {string} way One of `known`.
   * @param {ArrayLike<number>} a
   * @param {ArrayLike<number>} b
   * @param {number} t
   * @param {Model} model By default that of the page.
   */
  async decoded(way, a, b, t, model = this.#model) {
    const others = this.#on.others(SIGNATURES[way]);
    if (way !== "examples") return model.interpolate(a, b, t, way === "arc", others);
    const found = await this.#through(a, b, others);
    if (!found) return null;
    const z = found.at(t);
    this.#on.gone(found.points, z);
    return model.decode(z, others);
  }

  /** Return the latent vector at share `t` of a way, as `decoded`. */
  async point(way, a, b, t) {
    if (way !== "examples") return (way === "arc" ? spherical : linear)(a, b, t);
    return (await this.#through(a, b, this.#on.others("decode")))?.at(t) ?? null;
  }

  async #through(a, b, others) {
    const key = JSON.stringify([Array.from(a), Array.from(b), others]);
    if (this.#last.key === key) return this.#last.way;
    const model = this.#model;
    let start = performance.now();
    const decode = async (z) => {
      if (performance.now() - start > BREATH) {
        await new Promise((resolve) => setTimeout(resolve));
        start = performance.now();
      }
      return model === this.#model ? model.decode(z, others) : null;
    };
    this.#on.search(true);
    try {
      const way = await this.#graph.path(a, b, decode);
      if (!way || model !== this.#model) return null;
      this.#last = { key, way };
      return way;
    } finally {
      this.#on.search(false);
    }
  }
}
