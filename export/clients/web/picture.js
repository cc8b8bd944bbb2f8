// Draws a picture on a canvas, one canvas pixel for each pixel; the style sheet scales it up.

export class Picture {
  #canvas = document.createElement("canvas");
  #grid;
  #scale;

  /**
   * @param {Element} place Where the canvas goes.
   * @param {{grid: number[], scale: Scale}} kind Grids of 1 (grey), 2 (grey, alpha), 3 or 4 channels.
   * @param {string} label What screen readers call it.
   */
  constructor(place, { grid, scale }, label) {
    [this.#grid, this.#scale] = [grid, scale];
    const [height, width, channels] = grid;
    Object.assign(this.#canvas, { width, height, role: "img", ariaLabel: label });
    this.#canvas.className = "pixels";
    place.replaceChildren(this.#canvas);
  }

  get canvas() {
    return this.#canvas;
  }

  set label(text) {
    this.#canvas.ariaLabel = text;
  }

  /** Draw an example, given flat; pixels that are missing are transparent. */
  paint(values) {
    const [height, width, channels] = this.#grid;
    const clear = channels % 2 === 0 || Array.prototype.some.call(values, Number.isNaN);
    this.#canvas.classList.toggle("clear", clear);
    const colours = channels >= 3 ? 3 : 1;
    this.#put(height, width, (pixel) => {
      const shade = (channel) => 255 * this.#scale.share(values[pixel * channels + channel]);
      const alpha = channels % 2 ? 255 : shade(channels - 1);
      if (Number.isNaN(values[pixel * channels])) return [0, 0, 0, 0];
      return [shade(0), shade(colours > 1 ? 1 : 0), shade(colours > 1 ? 2 : 0), alpha];
    });
  }

  /**
   * Draw numbers by rows and columns, such as a difference: blue below zero, orange above.
   *
   * @param {number[]} values Flat.
   * @param {[number, number]} size Rows and columns.
   * @param {number} most The size of a number that has the full colour.
   */
  paintSigned(values, [height, width], most) {
    this.#put(height, width, (pixel) => {
      const value = Math.min(Math.max(values[pixel] / (most || 1), -1), 1);
      const colour = value < 0 ? [33, 102, 210] : [226, 96, 20];
      return [...colour, 255 * Math.sqrt(Math.abs(value))];
    });
  }

  #put(height, width, colour) {
    Object.assign(this.#canvas, { width, height });
    const context = this.#canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      image.data.set(colour(pixel).map(Math.round), 4 * pixel); // clamps by itself
    }
    context.putImageData(image, 0, 0);
  }
}
