// The way from a point A to a point B, straight or along the arc.

const element = (id) => document.getElementById(id);
const STEPS = 40; // pictures of the film
const STRIP = 10; // pictures of a strip
const PAUSE = 40; // milliseconds between the pictures of the film

export class Walk {
  #ends = { a: null, b: null };
  #on;

  /** @param {{show: function, strip: function, film: function, attempt: function}} on What the page does. */
  constructor(on) {
    this.#on = on;
    const listen = (id, event, action) =>
      element(id).addEventListener(event, () => on.attempt(action));
    listen("interpolate", "click", () => this.#film());
    listen("share", "input", () => this.#show());
    listen("arc", "change", () => this.#show());
    listen("walk-strip", "click", () => this.#strip());
    listen("walk-film", "click", () => this.#keepFilm());
  }

  /** Whether a signature goes along an arc. */
  set hasArc(known) {
    element("arc-label").hidden = !known;
    if (!known) element("arc").checked = false;
  }

  /** Whether the film can be kept as a file. */
  set hasFilm(known) {
    element("walk-film").hidden = !known;
  }

  get arc() {
    return element("arc").checked;
  }

  /** Set an end, "a" or "b", to a latent vector. */
  keep(end, z) {
    this.#ends[end] = Float32Array.from(z);
    element("share").value = end === "a" ? 0 : 1;
    this.#say(Number(element("share").value));
  }

  #say(t) {
    element("share-value").textContent = `${Math.round(100 * t)}%`;
    element("share").ariaValueText = `${Math.round(100 * t)}% of the way from A to B`;
  }

  #show() {
    const t = Number(element("share").value);
    this.#say(t);
    const { a, b } = this.#ends;
    const words = `${Math.round(100 * t)}% of the way from A to B${this.arc ? ", along the arc" : ""}`;
    return this.#on.show(words, a, b, t, this.arc);
  }

  #strip() {
    const { a, b } = this.#ends;
    return this.#on.strip(a, b, this.arc, STRIP);
  }

  #keepFilm() {
    const { a, b } = this.#ends;
    return this.#on.film(a, b, this.arc, STEPS + 1, PAUSE);
  }

  async #film() {
    // Who asked for less motion gets a few pictures instead of a film.
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const steps = still ? 4 : STEPS;
    for (let step = 0; step <= steps; step++) {
      element("share").value = step / steps;
      await this.#show();
      await new Promise((resolve) => setTimeout(resolve, still ? 600 : PAUSE));
    }
  }
}
