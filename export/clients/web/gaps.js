// Parts of an example that a person takes as missing, and what the model puts in the place of missing
// values.

import { display } from "./display.js";
import { Eraser } from "./eraser.js";
import { figure } from "./panels.js";
import { Row } from "./row.js";

const ESTIMATED = "Imputed";
const ERASED = "Before";

export class Gaps {
  #boxes = [];
  #change;
  #eraser;
  #example = []; // what the strokes of the eraser belong to
  #parts;

  /**
   * @param {{group: Element, choices: Element, hint: Element, undo: Element, panels: Element}} parts Of
   *     the page: a fieldset; in it where the checkboxes go, a sentence about the eraser and a button
   *     that undoes it; and where the example is drawn.
   * @param {function()} change Called after a change.
   */
  constructor(parts, change) {
    [this.#parts, this.#change] = [parts, change];
    this.#eraser = new Eraser(parts.panels, change);
    parts.undo.addEventListener("click", () => {
      this.#eraser.clear();
      change();
    });
  }

  /** Whether the model imputes. */
  set known(known) {
    this.#parts.group.hidden = !known;
  }

  /** Offer the regions of a kind of example. */
  use(kind) {
    const drawn = kind.name !== "row"; // a row is a table, and every cell of it a region
    this.#eraser.use(drawn ? kind : null);
    this.#parts.hint.hidden = !drawn;
    this.#parts.hint.textContent = `Or erase with the pointer: draw over the ${kind.noun} itself.`;
    this.#boxes = regionsOf(kind).map(({ name, indices }) => {
      const box = Object.assign(document.createElement("input"), { type: "checkbox" });
      box.addEventListener("change", this.#change);
      const label = document.createElement("label");
      label.append(box, ` ${name}`);
      return { box, label, indices };
    });
    this.#parts.choices.replaceChildren(...this.#boxes.map(({ label }) => label));
  }

  /**
   * Return an example without the regions that are ticked and without what was erased of it.
   *
   * @param {Float32Array} x
   * @param {...*} example What tells it from others: what was erased of another one is forgotten.
   */
  erased(x, ...example) {
    if (example.some((part, place) => part !== this.#example[place])) this.#eraser.clear();
    this.#example = example;
    this.#parts.undo.hidden = !this.#eraser.used;
    if (this.#parts.group.hidden) return x;
    const left = Float32Array.from(x);
    for (const { box, indices } of this.#boxes) {
      if (box.checked) for (const index of indices) left[index] = NaN;
    }
    this.#eraser.erase(left);
    return left;
  }

  /** Let the example that is drawn be erased. */
  drawn() {
    if (!this.#parts.group.hidden) this.#eraser.attach();
  }
}

/**
 * Return the regions of an example by name, each a list of indices of its numbers: columns of a row, halves
 * and the middle of a picture, thirds and channels of a series.
 *
 * @param {Kind} kind
 * @returns {{name: string, indices: number[]}[]}
 */
export function regionsOf(kind) {
  if (kind.name === "row") {
    return kind.columns.map(({ name, start, span }) => {
      return { name, indices: Array.from({ length: span }, (_, index) => start + index) };
    });
  }
  const all = Array.from({ length: kind.size }, (_, index) => index);
  const region = (name, inside) => ({ name, indices: all.filter(inside) });
  if (kind.name === "series") {
    const [samples, channels] = kind.grid;
    const third = (index) => Math.floor((3 * Math.floor(index / channels)) / samples);
    const parts = ["beginning", "middle", "end"].map((name, place) =>
      region(name, (index) => third(index) === place),
    );
    const single = Array.from({ length: channels > 1 ? channels : 0 }, (_, channel) =>
      region(kind.channels[channel], (index) => index % channels === channel),
    );
    return [...parts, ...single];
  }
  const [height, width, depth] = kind.grid;
  const row = (index) => Math.floor(index / depth / width) + 0.5;
  const column = (index) => (Math.floor(index / depth) % width) + 0.5;
  const inner = (place, length) => place > length / 4 && place < (3 * length) / 4;
  return [
    region("top", (index) => row(index) < height / 2),
    region("bottom", (index) => row(index) > height / 2),
    region("left", (index) => column(index) < width / 2),
    region("right", (index) => column(index) > width / 2),
    region("middle", (index) => inner(row(index), height) && inner(column(index), width)),
  ];
}

/** Return whether more is missing of an example than before. */
export function erased(x, before) {
  return before.some((value, index) => Number.isNaN(x[index]) && !Number.isNaN(value));
}

/**
 * Show an example with gaps and what is imputed.
 *
 * @param {Element} place
 * @param {Kind} kind
 * @param {ArrayLike<number>} x NaN where something is missing.
 * @param {ArrayLike<number>} imputed
 * @param {ArrayLike<number>} before The example before a part was taken as missing.
 */
export function showGaps(place, kind, x, imputed, before) {
  place.replaceChildren();
  place.className = `panels ${kind.name}`;
  const said = `The ${kind.noun} that is judged`;
  if (kind.name === "row") {
    const missing = (column, row) => Number.isNaN(column.number(row));
    const estimate = (column) => (missing(column, x) ? column.made(imputed) : "");
    const original = (column) =>
      missing(column, x) && !missing(column, before) ? column.text(before) : "";
    const more = erased(x, before) ? [ESTIMATED, ERASED] : [ESTIMATED];
    new Row(place, kind, said, "Given", more, true).paint(x, estimate, original);
    return;
  }
  if (kind.name === "series") {
    const words = `Given; broken line: ${ESTIMATED.toLowerCase()}`;
    display(figure(place, words).inner, kind, `${said}, with what is imputed`).paint(x, imputed);
  } else {
    display(figure(place, "Given").inner, kind, said).paint(x);
    display(figure(place, ESTIMATED).inner, kind, "What is imputed").paint(imputed);
  }
  if (!erased(x, before)) return;
  const words = `The ${kind.noun} before a part was taken as missing`;
  display(figure(place, ERASED).inner, kind, words).paint(before);
}
