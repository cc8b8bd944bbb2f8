// The controls of a walk from a point A to a point B.

import { Newest } from "./newest.js";

const element = (id) => document.getElementById(id);
const STEPS = 40; // pictures of the film
const STRIP = 10; // pictures of a strip
const PAUSE = 40; // milliseconds between the pictures of the film
const WAYS = { line: "straight", arc: "along the arc", examples: "through the examples" };

export class Walk {
  #ends = { a: null, b: null };
  #films = new Newest();
  #on;

  /** @param {{show: function, strip: function, film: function, attempt: function}} on What the page does. */
  constructor(on) {
    this.#on = on;
    const listen = (id, event, action) =>
      element(id).addEventListener(event, () => on.attempt(action));
    listen("interpolate", "click", () => this.#film());
    listen("share", "input", () => {
      this.stop();
      return this.#show();
    });
    listen("way", "change", () => {
      this.stop();
      this.#explain();
      return this.#show();
    });
    listen("walk-strip", "click", () => this.#strip());
    listen("walk-film", "click", () => this.#keepFilm());
  }

  /** The names of the ways that can be gone. */
  set ways(names) {
    const before = this.way;
    element("way").replaceChildren(...names.map((name) => new Option(WAYS[name], name)));
    if (names.includes(before)) element("way").value = before;
    element("way-label").hidden = names.length < 2;
    this.#explain();
  }

  /** Whether the film can be kept as a file. */
  set hasFilm(known) {
    element("walk-film").hidden = !known;
  }

  get way() {
    return element("way").value;
  }

  /** Set an end, "a" or "b", to a latent vector. */
  keep(end, z) {
    this.stop();
    this.#ends[end] = Float32Array.from(z);
    element("share").value = end === "a" ? 0 : 1;
    this.#say(Number(element("share").value));
  }

  /** Show no further picture of a film: something else was chosen. */
  stop() {
    this.#films.next();
  }

  #say(t) {
    element("share-value").textContent = `${Math.round(100 * t)}%`;
    element("share").ariaValueText = `${Math.round(100 * t)}% of the way from A to B`;
  }

  #explain() {
    element("way-words").hidden = this.way !== "examples";
  }

  #show() {
    const t = Number(element("share").value);
    this.#say(t);
    const { a, b } = this.#ends;
    const how = this.way === "line" ? "" : `, ${WAYS[this.way]}`;
    const words = `${Math.round(100 * t)}% of the way from A to B${how}`;
    return this.#on.show(words, a, b, t, this.way);
  }

  #strip() {
    const { a, b } = this.#ends;
    return this.#on.strip(a, b, this.way, STRIP);
  }

  #keepFilm() {
    const { a, b } = this.#ends;
    return this.#on.film(a, b, this.way, STEPS + 1, PAUSE);
  }

  async #film() {
    const stale = this.#films.next();
    // Who asked for less motion gets a few pictures instead of a film.
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const steps = still ? 4 : STEPS;
    for (let step = 0; step <= steps && !stale(); step++) {
      element("share").value = step / steps;
      await this.#show();
      await new Promise((resolve) => setTimeout(resolve, still ? 600 : PAUSE));
    }
  }
}
