// What an example is: a picture, a series of samples, or a row of a table.

import { columnsOf } from "./columns.js";
import { Scale } from "./scale.js";

const LEAST_TIME = 16; // numbers in a row that make a series, as in the figures of the model card
const MOST_CHANNELS = 8; // a wider array of two axes is a grey picture
const OPEN = { low: null, high: null, integer: false, one_hot: false, columns: [] };

export class Kind {
  /** @param {object} manifest Of the bundle. */
  constructor(manifest) {
    const { event_shape: shape, inputs } = manifest.model;
    this.shape = shape;
    this.size = shape.reduce((product, length) => product * length, 1);
    this.domain = inputs.x?.domain ?? OPEN;
    this.columns = columnsOf(manifest, this);
    /** "picture", "series" or "row". */
    this.name = nameOf(manifest, this.domain);
    /** Of a picture [height, width, channels], of a series [samples, channels]. */
    this.grid = this.name === "picture" ? [shape[0], shape[1], shape[2] ?? 1] : gridOf(shape);
    /** Names of the channels of a series. */
    this.channels =
      manifest.channels ?? Array.from({ length: this.grid[1] }, (_, place) => `channel ${place}`);
    /** Whether the bundle names them. */
    this.named = Boolean(manifest.channels);
    this.scale = new Scale(this.name === "series" ? this.grid[1] : 1, this.domain);
  }

  /** What one example is called, for sentences. */
  get noun() {
    return { picture: "picture", series: "window", row: "row" }[this.name];
  }
}

function nameOf({ model: { event_shape: shape }, table }, domain) {
  if (shape.length === 3 && shape[2] >= 1 && shape[2] <= 4) return "picture";
  if (shape.length === 2) return shape[1] <= MOST_CHANNELS ? "series" : "picture";
  const few = shape.length === 1 && shape[0] < LEAST_TIME;
  return table || few || domain.columns.length || domain.one_hot ? "row" : "series";
}

function gridOf(shape) {
  const channels = shape.length === 2 ? shape[1] : 1;
  return [shape.reduce((product, length) => product * length, 1) / channels, channels];
}
