// Shows points of the latent space: draws from the prior, points of the sliders, points of a walk.

import { Axes } from "./axes.js";
import { display } from "./display.js";
import { save, saveFilm } from "./download.js";
import { Latest } from "./latest.js";
import { LatentMap } from "./map.js";
import { Names } from "./names.js";
import { isSeed, Point, SEEDS } from "./point.js";
import { randomPoint } from "./random_point.js";
import { Walk } from "./walk.js";
import { Ways } from "./ways.js";

const element = (id) => document.getElementById(id);
const STRIP = 10; // pictures along an axis
const PAUSE = 120; // milliseconds without a change before the ends of the axes are drawn
const MOST_UNDONE = 200;

export class Explore {
  #attempt;
  #axes;
  #call;
  #committed = null;
  #drawing;
  #fields;
  #kind;
  #map;
  #latest = new Latest((busy) => {
    element("view").ariaBusy = String(busy);
  });
  #model;
  #name;
  #past = [];
  #point;
  #previews = new Latest((busy) => {
    element("axes").ariaBusy = String(busy);
  });
  #ranges;
  #vectorShown = () => null; // returns the latent vector of a walk that is shown, null where the point is
  #walk;
  #ways = new Ways({
    others: (signature) => this.#others(signature),
    search: (busy) => {
      element("said").textContent = busy ? "Searching the way through the examples …" : "";
    },
    gone: (points, z) => this.#map.setWay(points, z),
  });
  /** The numbers that are shown. */
  values = null;

  /** @param {function(function)} attempt Runs an action and reports its error on the page. */
  constructor(attempt) {
    this.#attempt = attempt;
    this.#walk = new Walk({
      attempt,
      show: (words, a, b, t, way) =>
        this.#show(words, {
          call: (model) => this.#ways.decoded(way, a, b, t, model),
          vector: () => this.#ways.point(way, a, b, t),
        }),
      strip: (a, b, way, count) => this.#saveWalk(a, b, way, count),
      film: (a, b, way, count, pause) => this.#saveFilm(a, b, way, count, pause),
    });
    this.#map = new LatentMap({
      move: (pairs) => this.#point.z && attempt(() => this.#to(this.#point.moved(pairs), false)),
      commit: () => this.#commit(),
      jump: (z) => attempt(() => this.#to(new Point({ z }, this.#fields.values))),
    });
    const listen = (id, action) => element(id).addEventListener("click", () => attempt(action));
    listen("next", () => this.#drawTyped(1));
    listen("undo", () => this.undo());
    listen("save", () => save(this.#kind, [this.values], this.#file));
    listen("keep-a", () => this.#keep("a"));
    listen("keep-b", () => this.#keep("b"));
    element("seed").addEventListener("change", () => attempt(() => this.#drawTyped()));
    element("axes").addEventListener("shown", () => this.#preview());
    document.addEventListener("keydown", (event) => {
      const editing = event.target.matches("input:not([type=range]), textarea");
      if (editing || event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      attempt(() => this.undo());
    });
  }

  /** Whether the model has one latent vector that can be decoded. */
  get hasAxes() {
    return Boolean(this.#ranges.length);
  }

  /** Whether there is anything to show. */
  get hasDraws() {
    return this.#model.has("sample") || this.hasAxes;
  }

  get #file() {
    const { seed } = this.#point;
    return `${this.#name}-${seed === null ? "point" : `draw-${seed}`}`;
  }

  /**
   * Take a model, or another precision of the one there is.
   *
   * @param {Model} model
   * @param {Kind} kind
   * @param {Fields} fields
   * @param {string} name Of the bundle.
   * @param {?object} codes Of the examples, see `readCodes`.
   */
  use(model, kind, fields, name, codes) {
    const other = this.#kind !== kind;
    [this.#model, this.#kind, this.#fields, this.#name] = [model, kind, fields, name];
    this.#ranges = rangesOf(model);
    element("explorable").hidden = !this.hasAxes;
    element("not-explorable").hidden = this.hasAxes;
    this.#ways.use(model, kind, codes);
    this.#walk.ways = this.#ways.known;
    element("walk").hidden = !(this.hasAxes && this.#ways.known.length);
    this.#walk.hasFilm = kind.name === "picture";
    if (!other) return;
    [this.#past, this.#committed, this.#point, this.values] = [[], null, null, null];
    this.#drawing = display(element("picture"), kind, "What the model decodes");
    const names = new Names(model.manifest.model.sha256);
    this.#axes = new Axes(element("axes"), kind, this.#ranges, names, {
      input: (index, value) =>
        this.#point.z && this.#attempt(() => this.#to(this.#point.moved([[index, value]]), false)),
      commit: () => this.#commit(),
      strip: (axis) => this.#attempt(() => this.#saveAxis(axis)),
      renamed: () => this.#map.rename(),
    });
    this.#map.use(codes, this.#ranges, names);
  }

  /**
   * Show the point that the address names, or a draw.
   *
   * @throws {Error} After draw 0 is shown, where the address names what is no point of the model.
   */
  async start(parameters) {
    const size = this.hasAxes ? this.#model.manifest.model.latent_dim : 0;
    const before = this.#fields.values;
    const refused = [];
    const found = Point.read(parameters, before, size, (words) => refused.push(words));
    try {
      if (found) this.#fields.values = found.others;
      if (found?.z) await this.#to(found);
      else await this.draw(found?.seed ?? 0);
    } catch (error) {
      if (!found) throw error;
      refused.push(error.message ?? error);
      this.#fields.values = before;
      this.#committed = null; // nothing to come back to
      await this.draw(0);
    }
    if (!element("walk").hidden) {
      this.#walk.keep("b", await this.#vector(2));
      this.#walk.keep("a", await this.#vector(1));
    }
    if (refused.length) throw new Error(refused.join(". "));
  }

  /** Show the draw of the number in its field, and so many further; draw 0 where that is no seed. */
  async #drawTyped(further = 0) {
    const { value } = element("seed");
    const seed = (Math.trunc(Number(value)) || 0) + further;
    await this.draw(isSeed(seed) ? seed : 0);
    if (!isSeed(seed))
      throw new Error(`Expected the draw number to be ${SEEDS}. Received: ${seed}`);
  }

  /** Show a draw from the prior; it is the same for a seed on every device. */
  draw(seed) {
    const point = this.#model.has("sample") ? { seed } : { z: this.#random(seed) };
    element("seed").value = seed;
    return this.#to(new Point(point, this.#fields.values));
  }

  /**
   * Show the same point again.
   *
   * @param {boolean} commit Whether that is a change to be undone: other inputs beside the point are,
   *     another precision is not.
   */
  again(commit = true) {
    return this.#to(this.#point.beside(this.#fields.values), commit);
  }

  /** Go back to the point before the last change. */
  undo() {
    const before = this.#past.pop();
    if (!before) return null;
    this.#committed = null; // nothing to come back to
    this.#fields.values = before.others;
    return this.#to(before);
  }

  async #to(point, commit = true) {
    this.#walk.stop();
    this.#point = point;
    this.#map.setWay(null);
    if (commit) this.#commit();
    if (point.seed !== null) element("seed").value = point.seed;
    const words =
      point.seed === null ? "A point set by the sliders" : `Draw ${point.seed} from the prior`;
    const decode = (model) => model.decode(point.z, this.#others("decode"));
    const draw = (model) => model.sample(point.seed, 0, this.#others("sample"));
    const first = async (model) => {
      if (point.seed === null) return decode(model);
      if (!model.has("sample")) {
        point.z ??= this.#random(point.seed); // else another precision has drawn it
        return decode(model);
      }
      const { decoded, z } = await draw(model);
      point.z = z ?? null;
      return decoded;
    };
    // To compare, each model decodes the vector that was drawn.
    const again = async (model) =>
      point.z && model.has("decode") ? decode(model) : (await draw(model)).decoded;
    await this.#show(words, { call: first, again });
    if (this.hasAxes && this.#point.z) {
      this.#axes.set(this.#point.z);
      this.#map.set(this.#point.z);
      this.#preview();
    }
  }

  /** Keep the point in the address, and the one before for undo. */
  #commit() {
    const point = this.#point;
    if (this.#committed && this.#committed !== point) {
      this.#past = [...this.#past, this.#committed].slice(-MOST_UNDONE);
    }
    this.#committed = point;
    element("undo").disabled = !this.#past.length;
    write(point);
  }

  /** Keep what is shown in the address, the place on a walk too. */
  async remember() {
    const z = await this.#vectorShown();
    write(z ? new Point({ z }, this.#fields.values) : this.#point);
  }

  /** Return what a model makes of the point that is shown. */
  shownBy(model) {
    return this.#call(model);
  }

  #show(words, { call, again = call, vector = () => null }) {
    return this.#latest.run(async () => {
      const start = performance.now();
      const values = await call(this.#model);
      const milliseconds = performance.now() - start;
      if (!values) return; // another model was taken meanwhile
      this.values = values;
      this.#kind.scale.grow(values);
      this.#drawing.paint(values);
      this.#drawing.label = words;
      element("shown").textContent = words;
      const { preset, where } = this.#model;
      element("timing").textContent = `${milliseconds.toFixed(1)} ms, ${preset}, ${where}`;
      [this.#call, this.#vectorShown] = [again, vector];
      element("said").textContent = ""; // it was of another picture
      element("view").dispatchEvent(new Event("shown"));
    });
  }

  #preview() {
    if (!this.hasAxes) return;
    const point = this.#point;
    this.#attempt(() =>
      this.#previews.run(async (newer) => {
        const stale = () => newer() || point !== this.#point;
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        if (stale()) return;
        const decode = (z) => this.#model.decode(z, this.#others("decode"));
        await this.#axes.preview(point.z, decode, stale);
      }),
    );
  }

  #others(signature) {
    const known = Object.entries(this.#fields.values);
    const taken = this.#model.signatures[signature].inputs;
    return Object.fromEntries(known.filter(([name]) => name in taken));
  }

  async #vector(seed) {
    if (!this.#model.has("sample")) return this.#random(seed);
    return (await this.#model.sample(seed, 0, this.#others("sample"))).z;
  }

  #random(seed) {
    return randomPoint(seed, this.#model.manifest.model.latent_dim, this.#ranges);
  }

  #keep(end) {
    this.#walk.keep(end, this.#point.z);
    element("said").textContent = `Kept as ${end.toUpperCase()}.`;
  }

  async #saveAxis({ index, low, high }) {
    const points = Array.from({ length: STRIP }, (_, step) =>
      this.#point.moved([[index, low + ((high - low) * step) / (STRIP - 1)]]),
    );
    const examples = [];
    for (const { z } of points) examples.push(await this.#model.decode(z, this.#others("decode")));
    await save(this.#kind, examples, `${this.#name}-axis-${index}`);
  }

  async #saveWalk(a, b, way, count) {
    await save(this.#kind, await this.#along(a, b, way, count), `${this.#name}-walk`);
  }

  async #saveFilm(a, b, way, count, pause) {
    const there = await this.#along(a, b, way, count);
    const back = there.slice(1, -1).reverse(); // it begins anew without a jump
    await saveFilm(this.#kind, [...there, ...back], `${this.#name}-film`, pause);
  }

  async #along(a, b, way, count) {
    const examples = [];
    for (let step = 0; step < count; step++) {
      examples.push(await this.#ways.decoded(way, a, b, step / (count - 1)));
    }
    return examples;
  }
}

/** Write a point into the address. */
function write(point) {
  const parameters = new URLSearchParams(location.search);
  point.write(parameters);
  history.replaceState(null, "", `?${String(parameters).replaceAll("%2C", ",")}`);
}

/** Return the axes of a model that can be explored; none of another one. */
function rangesOf(model) {
  const { axes, model: described } = model.manifest;
  const inputs = Object.keys(model.signatures.decode?.inputs ?? {});
  const known = inputs.every((name) => name === "z" || name in described.inputs);
  if (!described.latent_dim || !inputs.includes("z") || !known) return [];
  if (axes.length) return axes;
  // Nothing is known of them; the prior of most models is a standard normal.
  return Array.from({ length: described.latent_dim }, (_, index) => {
    return { index, share: null, low: -3, high: 3 };
  });
}
