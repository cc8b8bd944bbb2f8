// Draws what a decoder gives on a canvas: a picture where the event is one, bars where it is not.

/** Paints events of one model. */
export class Picture {
  #canvas;
  #shape;
  #low = Infinity;
  #high = -Infinity;
  #fixed = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number[]} shape Event shape: (height, width, 1 or 3) and (height, width) are pictures.
   * @param {{low: ?number, high: ?number}} domain Where the values lie, from the manifest.
   */
  constructor(canvas, shape, { low, high }) {
    const [height, width, channels = 1] = shape;
    this.#canvas = canvas;
    const isPicture = shape.length === 2 || (shape.length === 3 && [1, 3].includes(channels));
    this.#shape = isPicture ? [height, width, channels] : null;
    if (low !== null && high !== null) {
      [this.#low, this.#high, this.#fixed] = [low, high, true];
    }
  }

  /** Draw an event, given flat. Return the values that black and white (or the bars' ends) mean. */
  paint(values) {
    if (!this.#fixed) {
      // The scale only ever grows, so that pictures one after the other can be compared.
      for (const value of values) {
        this.#low = Math.min(this.#low, value);
        this.#high = Math.max(this.#high, value);
      }
    }
    if (this.#shape) {
      this.#paintPixels(values);
    } else {
      this.#paintBars(values);
    }
    return [this.#low, this.#high];
  }

  #share(value) {
    return (value - this.#low) / Math.max(this.#high - this.#low, 1e-12);
  }

  // One canvas pixel for each pixel: the style sheet scales it up with sharp edges.
  #paintPixels(values) {
    const [height, width, channels] = this.#shape;
    const context = this.#resize(width, height);
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = values[pixel * channels + (channels === 3 ? channel : 0)];
        image.data[4 * pixel + channel] = Math.round(255 * this.#share(value)); // clamps by itself
      }
      image.data[4 * pixel + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  #paintBars(values) {
    const [barWidth, height] = [8, 160];
    const context = this.#resize(barWidth * values.length, height);
    context.clearRect(0, 0, this.#canvas.width, height);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    const base = height * (1 - Math.min(Math.max(this.#share(0), 0), 1));
    values.forEach((value, index) => {
      const top = height * (1 - this.#share(value));
      const length = Math.max(Math.abs(base - top), 1);
      context.fillRect(index * barWidth + 1, Math.min(base, top), barWidth - 2, length);
    });
  }

  #resize(width, height) {
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
    }
    return this.#canvas.getContext("2d");
  }
}
