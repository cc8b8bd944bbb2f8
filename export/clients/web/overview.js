// The scores of all examples of a file in one drawing, and a way from one unusual example to the next.

import { cleared, disc } from "./canvas.js";
import { plain } from "./number.js";
import { pauses } from "./pauses.js";

const element = (id) => document.getElementById(id);
const EDGE = 6; // of the drawing, for the points at its sides
const DOT = 2.5;
const SHOWN = 250; // milliseconds between two drawings

export class Overview {
  #at = 0;
  #canvas = element("overview-canvas");
  #count = 0;
  #file = null; // {example, noun}
  #model = null;
  #on;
  #run = 0; // the newest; older ones stop
  #scores = [];
  #unusual = new Set(); // rows

  /** @param {{choose: function(number), others: function(): object}} on What the page does for it. */
  constructor(on) {
    this.#on = on;
    const canvas = this.#canvas;
    canvas.addEventListener("click", (event) => {
      const { left, width } = canvas.getBoundingClientRect();
      const share = (event.clientX - left - EDGE) / (width - 2 * EDGE);
      const row = Math.round(share * (this.#count - 1));
      on.choose(Math.min(Math.max(row, 0), this.#count - 1));
    });
    element("unusual-before").addEventListener("click", () => on.choose(this.#nearest(-1)));
    element("unusual-next").addEventListener("click", () => on.choose(this.#nearest(1)));
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Show nothing, as where there is a single example. */
  clear() {
    this.#run++;
    [this.#count, this.#file, this.#scores] = [0, null, []];
    this.#unusual.clear();
    element("overview").hidden = true;
  }

  /**
   * Score the examples of a file, one after the other, and draw the scores as they come.
   *
   * @param {{count: number, example: function(number): Float32Array}} file
   * @param {string} noun What an example is called.
   * @param {Model} model
   */
  async use(file, noun, model) {
    this.clear();
    if (file.count < 2 || !model.has("score")) return;
    const run = this.#run;
    [this.#count, this.#file, this.#model] = [file.count, { ...file, noun }, model];
    element("overview").hidden = false;
    const others = this.#on.others();
    const pause = pauses();
    let drawn = -Infinity;
    for (let row = 0; row < file.count; row++) {
      const score = await scored(model, file, row, others);
      if (run !== this.#run) return;
      this.#scores.push(score);
      if (model.calibration && !Number.isNaN(score) && model.decide(score).is_anomaly)
        this.#unusual.add(row);
      const now = performance.now();
      if (now - drawn > SHOWN || row === file.count - 1) {
        this.#draw();
        drawn = now;
      }
      await pause();
      if (run !== this.#run) return;
    }
  }

  /** Say which example is shown, counted from 0. */
  set(row) {
    this.#at = row;
    this.#draw();
  }

  /** Return the nearest unusual example before or after the one that is shown, or from the other end. */
  #nearest(step) {
    for (let away = 1; away <= this.#count; away++) {
      const row = (this.#at + step * away + this.#count * away) % this.#count;
      if (this.#unusual.has(row)) return row;
    }
    return this.#at;
  }

  #draw() {
    if (!this.#file || !this.#canvas.clientWidth) return;
    const known = this.#scores.filter((score) => !Number.isNaN(score));
    this.#say(known);
    const { context, width, height, colour } = cleared(this.#canvas);
    if (!known.length) return;
    const limits = [this.#model.calibration?.low, this.#model.calibration?.high].filter(
      (limit) => typeof limit === "number",
    );
    const [low, high] = ends(known, limits);
    const x = (row) => EDGE + ((width - 2 * EDGE) * row) / (this.#count - 1);
    const y = (score) =>
      height -
      EDGE -
      ((height - 2 * EDGE) * (Math.min(Math.max(score, low), high) - low)) / (high - low);
    context.fillStyle = colour("line");
    context.fillRect(x(this.#at) - 1, 0, 2, height);
    context.strokeStyle = colour("quiet");
    context.setLineDash([4, 3]);
    for (const limit of limits) {
      context.beginPath();
      context.moveTo(0, y(limit));
      context.lineTo(width, y(limit));
      context.stroke();
    }
    this.#scores.forEach((score, row) => {
      if (Number.isNaN(score)) return;
      const unusual = this.#unusual.has(row);
      context.fillStyle = colour(unusual ? "bad" : "accent");
      disc(context, x(row), y(score), unusual ? DOT + 1 : DOT);
    });
  }

  #say(known) {
    const { noun } = this.#file;
    const decides = Boolean(this.#model.calibration);
    const [done, count, unusual] = [this.#scores.length, this.#count, this.#unusual.size];
    const failed = done - known.length;
    const range = known.length
      ? `scores from ${plain(extreme(known, Math.min))} to ${plain(extreme(known, Math.max))} nats`
      : "no scores";
    const said = [
      done < count ? `${done} of ${count} ${noun}s judged` : `${count} ${noun}s`,
      decides ? `${unusual} unusual` : range,
      failed && `${failed} cannot be judged`,
    ];
    const words = said.filter(Boolean).join(", ");
    element("overview-words").textContent = words;
    this.#canvas.ariaLabel = `${words}; ${range}. Number ${this.#at + 1} is shown.`;
    element("overview").ariaBusy = String(done < count);
    for (const name of ["unusual-before", "unusual-next"]) {
      element(name).hidden = !decides;
      element(name).disabled = !unusual;
    }
  }
}

/** Return the score of an example, NaN where it cannot be read or the model refuses it. */
async function scored(model, file, row, others) {
  try {
    return await model.score(file.example(row), others);
  } catch {
    return NaN;
  }
}

/** Return the lowest and highest score that are drawn: a few outliers do not press the others together. */
function ends(scores, limits) {
  const sorted = [...scores].sort((a, b) => a - b);
  const share = (part) => sorted[Math.round(part * (sorted.length - 1))];
  const inner = [Math.min(share(0.02), ...limits), Math.max(share(0.98), ...limits)];
  const room = Math.max(inner[1] - inner[0], 1e-9);
  return [
    Math.max(sorted[0], inner[0] - room) - 0.05 * room,
    Math.min(sorted.at(-1), inner[1] + room) + 0.05 * room,
  ];
}

/** Return the least or greatest number; as arguments of one call there would be too many. */
function extreme(values, of) {
  return values.reduce((best, value) => of(best, value));
}
