// The drawing that fits a kind of example.

import { Picture } from "./picture.js";
import { Row } from "./row.js";
import { Series } from "./series.js";

const DRAWINGS = { picture: Picture, series: Series, row: Row };

/** Return a new drawing in a place; all have `paint(values)` and `label`. */
export function display(place, kind, label, ...options) {
  return new DRAWINGS[kind.name](place, kind, label, ...options);
}
