// A map of the latent space: the codes of the examples along two axes, and the point that is shown.

import { cleared, disc } from "./canvas.js";
import { plain } from "./number.js";

const element = (id) => document.getElementById(id);
const MARGIN = 0.05; // of a side, beyond the outermost code
const DOT = 2; // pixels
const POINT = 7;
const RING = 5;

export class LatentMap {
  #axes = [];
  #bounds = [];
  #canvas = element("map-canvas");
  #codes = null;
  #names;
  #on;
  #way = null;
  #z = null;

  /**
   * @param {{move: function(number[][]), commit: function(), jump: function(Float32Array)}} on Called
   *     with pairs of index and value while the point moves, when it has moved, and with a code.
   */
  constructor(on) {
    this.#on = on;
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#move(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) this.#move(event);
    });
    canvas.addEventListener("lostpointercapture", () => on.commit());
    for (const side of ["across", "up"])
      element(`map-${side}`).addEventListener("change", () => this.#place());
    element("nearest").addEventListener("click", () => on.jump(this.#nearest()));
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /**
   * Show the codes of a model; without codes, or with a single axis, nothing.
   *
   * @param {?{count: number, size: number, values: Float32Array}} codes
   * @param {object[]} axes `axes` of the manifest, the most informative first.
   * @param {Names} names
   */
  use(codes, axes, names) {
    element("map").hidden = !codes || axes.length < 2;
    [this.#codes, this.#axes, this.#names, this.#z] = [codes, axes, names, null];
    if (element("map").hidden) return;
    this.rename();
    [element("map-across").value, element("map-up").value] = axes.map(({ index }) => index);
    this.#place();
  }

  /** Take the names of the axes anew. */
  rename() {
    for (const side of ["across", "up"]) {
      const menu = element(`map-${side}`);
      const before = menu.value;
      menu.replaceChildren(
        ...this.#axes.map(({ index }) => new Option(this.#names.of(index), index)),
      );
      if (before) menu.value = before;
    }
    this.#draw();
  }

  /** Show where a latent vector is. */
  set(z) {
    this.#z = z;
    this.#draw();
  }

  /** Show the points of a way through the codes, null for none, and the place on it. */
  setWay(points, z) {
    if (!points && !this.#way) return;
    this.#way = points && { points, z };
    this.#draw();
  }

  get #shown() {
    return [element("map-across").value, element("map-up").value].map(Number);
  }

  /** Find the ends of both sides: every code and the range of the axis lie between them. */
  #place() {
    const { count, size, values } = this.#codes;
    this.#bounds = this.#shown.map((index) => {
      let { low, high } = this.#axes.find((axis) => axis.index === index);
      for (let code = 0; code < count; code++) {
        low = Math.min(low, values[code * size + index]);
        high = Math.max(high, values[code * size + index]);
      }
      const margin = MARGIN * (high - low);
      return [low - margin, high + margin];
    });
    this.#draw();
  }

  #draw() {
    if (!this.#codes || !this.#canvas.clientWidth || element("map").hidden) return;
    const { context, width, height, colour } = cleared(this.#canvas);
    const [across, up] = this.#bounds;
    const x = (value) => (width * (value - across[0])) / (across[1] - across[0]);
    const y = (value) => height - (height * (value - up[0])) / (up[1] - up[0]);
    const [first, second] = this.#shown;
    const [one, other] = this.#shown.map((index) =>
      this.#axes.find((axis) => axis.index === index),
    );
    context.strokeStyle = colour("line");
    context.strokeRect(
      x(one.low),
      y(other.high),
      x(one.high) - x(one.low),
      y(other.low) - y(other.high),
    );
    context.fillStyle = colour("quiet");
    context.globalAlpha = 0.5;
    const { count, size, values } = this.#codes;
    for (let code = 0; code < count; code++) {
      disc(context, x(values[code * size + first]), y(values[code * size + second]), DOT);
    }
    context.globalAlpha = 1;
    if (this.#way) {
      Object.assign(context, { fillStyle: colour("panel"), strokeStyle: colour("accent") });
      drawWay(context, this.#way, (z) => [x(z[first]), y(z[second])]);
    }
    if (!this.#z) return;
    const [left, top] = [x(this.#z[first]), y(this.#z[second])];
    context.fillStyle = colour("accent");
    context.strokeStyle = colour("panel");
    context.lineWidth = 2;
    disc(context, within(left, POINT, width), within(top, POINT, height), POINT);
    context.stroke();
    this.#say(first, second);
  }

  #say(first, second) {
    const [one, other] = [first, second].map((index) => {
      return `${this.#names.of(index)}: ${this.#z[index].toFixed(2).replace("-", "−")}`;
    });
    element("map-value").textContent = `${one}, ${other}`;
    const [across, up] = this.#bounds.map(([low, high]) => `from ${plain(low)} to ${plain(high)}`);
    this.#canvas.ariaLabel =
      `The codes of ${this.#codes.count} examples: ${this.#names.of(first)} across ${across}, ` +
      `${this.#names.of(second)} up ${up}. The point is at ${one}, ${other}.`;
  }

  #move(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const shares = [(event.clientX - left) / width, 1 - (event.clientY - top) / height];
    this.#on.move(
      this.#shown.map((index, side) => {
        const [low, high] = this.#bounds[side];
        return [index, low + (high - low) * within(shares[side], 0, 1)];
      }),
    );
  }

  /** Return the code that is nearest to the point. */
  #nearest() {
    const { count, size, values } = this.#codes;
    let [nearest, least] = [0, Infinity];
    for (let code = 0; code < count; code++) {
      let square = 0;
      for (let index = 0; index < size; index++) {
        square += (values[code * size + index] - this.#z[index]) ** 2;
      }
      if (square < least) [nearest, least] = [code, square];
    }
    return values.slice(nearest * size, (nearest + 1) * size);
  }
}

/** Return a number that lies in [margin, length - margin]. */
function within(value, margin, length) {
  return Math.min(Math.max(value, margin), length - margin);
}

/** Draw a way and a ring at the place on it. */
function drawWay(context, { points, z }, place) {
  context.lineWidth = 2;
  context.beginPath();
  for (const point of points) context.lineTo(...place(point));
  context.stroke();
  disc(context, ...place(z), RING);
  context.stroke();
}
