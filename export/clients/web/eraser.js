// The pointer as an eraser: what it passes over in the drawing of an example is taken as missing.

const RADIUS = 1 / 14; // of the shorter side of a picture
const LEAST = Math.SQRT1_2; // pixels, so that the pixel under the pointer is erased wherever it is hit

export class Eraser {
  #change;
  #erased = new Set(); // indices of an example's numbers
  #from = null; // where the pointer was last, in the pixels of the screen
  #kind = null;
  #place;

  /**
   * @param {Element} place Holds drawings; the first of them can be erased.
   * @param {function()} change Called after each stroke.
   */
  constructor(place, change) {
    [this.#place, this.#change] = [place, change];
    place.addEventListener("pointerdown", (event) => {
      if (event.button || !event.target.closest(".erasable")) return;
      event.preventDefault(); // neither selects nor drags
      place.setPointerCapture(event.pointerId);
      this.#from = [event.clientX, event.clientY];
      this.#pass(event);
    });
    place.addEventListener("pointermove", (event) => {
      if (place.hasPointerCapture(event.pointerId)) this.#pass(event);
    });
    place.addEventListener("lostpointercapture", () => this.#change());
  }

  /** Whether something is erased. */
  get used() {
    return this.#erased.size > 0;
  }

  /** Take the drawings of a kind of example, null for none that can be erased. */
  use(kind) {
    this.#kind = kind;
    this.clear();
  }

  /** Forget what was erased. */
  clear() {
    this.#erased.clear();
  }

  /** Let the first drawing in the place be erased. */
  attach() {
    if (this.#kind) this.#drawing()?.classList.add("erasable");
  }

  /** Make missing, in an example given flat, what was erased. */
  erase(x) {
    for (const index of this.#erased) x[index] = NaN;
  }

  #drawing() {
    return this.#place.querySelector("canvas, .lanes");
  }

  #pass({ clientX, clientY }) {
    const stroke = [this.#from, [clientX, clientY]];
    this.#from = stroke[1];
    const drawing = this.#drawing();
    if (this.#kind.name === "picture") this.#passPicture(drawing, stroke);
    else this.#passSeries(drawing, stroke);
  }

  #passPicture(canvas, stroke) {
    const [height, width, channels] = this.#kind.grid;
    const box = canvas.getBoundingClientRect();
    const [from, to] = stroke.map(([x, y]) => [
      ((x - box.left) / box.width) * width,
      ((y - box.top) / box.height) * height,
    ]);
    const radius = Math.max(LEAST, RADIUS * Math.min(height, width));
    const context = canvas.getContext("2d");
    canvas.classList.add("clear");
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        if (distance([column + 0.5, row + 0.5], from, to) > radius) continue;
        context.clearRect(column, row, 1, 1);
        const first = (row * width + column) * channels;
        for (let channel = 0; channel < channels; channel++) this.#erased.add(first + channel);
      }
    }
  }

  #passSeries(lanes, stroke) {
    const [samples, channels] = this.#kind.grid;
    const [left, right] = ends(stroke.map(([x]) => x));
    const [top, bottom] = ends(stroke.map(([, y]) => y));
    lanes.querySelectorAll("svg").forEach((lane, channel) => {
      const box = lane.getBoundingClientRect();
      if (bottom < box.top || top > box.bottom) return;
      const sample = (x) => ((x - box.left) / box.width) * (samples - 1);
      const first = Math.max(Math.ceil(sample(left) - 0.5), 0);
      const last = Math.min(Math.floor(sample(right) + 0.5), samples - 1);
      for (let place = first; place <= last; place++) this.#erased.add(place * channels + channel);
      if (first <= last) shade(lane, first, last);
    });
  }
}

/** Cover samples of a lane until it is drawn anew. */
function shade(lane, first, last) {
  const band = document.createElementNS(lane.namespaceURI, "rect");
  const box = { x: first - 0.5, width: last - first + 1, y: "-10%", height: "120%", class: "band" };
  for (const [name, value] of Object.entries(box)) band.setAttribute(name, value);
  lane.append(band);
}

function ends(numbers) {
  return [Math.min(...numbers), Math.max(...numbers)];
}

/** Return the distance of a point from the line between two points. */
function distance([x, y], [fromX, fromY], [toX, toY]) {
  const [alongX, alongY] = [toX - fromX, toY - fromY];
  const squared = alongX ** 2 + alongY ** 2;
  const share = squared ? ((x - fromX) * alongX + (y - fromY) * alongY) / squared : 0;
  const part = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x - fromX - part * alongX, y - fromY - part * alongY);
}
