// What the parts of an example contribute to its score: by how much the score falls where a part is
// replaced by its reconstruction. It needs no more than the signatures `score` and `reconstruct`.

import { pauses } from "./pauses.js";

const MOST = 64; // parts of a picture or a series

/**
 * Return the parts of an example, each a list of indices of its numbers, and their grid.
 *
 * @param {Kind} kind
 * @returns {{parts: number[][], grid: [number, number]}} Rows and columns: patches of a picture,
 *     channels and stretches of a series, columns of a row.
 */
export function partsOf(kind) {
  if (kind.name === "row") {
    const parts = kind.columns.map(({ start, span }) =>
      Array.from({ length: span }, (_, index) => start + index),
    );
    return { parts, grid: [1, parts.length] };
  }
  const picture = kind.name === "picture";
  const [height, width, depth] = picture ? kind.grid : [kind.grid[1], kind.grid[0], 1];
  const side = Math.floor(Math.sqrt(MOST));
  const rows = picture ? Math.min(height, side) : height;
  const columns = Math.min(width, picture ? side : Math.max(1, Math.floor(MOST / height)));
  const parts = Array.from({ length: rows * columns }, () => []);
  for (let index = 0; index < kind.size; index++) {
    const place = Math.floor(index / depth);
    const [y, x] = picture
      ? [Math.floor(place / width), place % width]
      : [index % height, Math.floor(index / height)];
    const [row, column] = [Math.floor((y * rows) / height), Math.floor((x * columns) / width)];
    parts[row * columns + column].push(index);
  }
  return { parts, grid: [rows, columns] };
}

/**
 * Return what each part contributes, in nats.
 *
 * @param {Float32Array} x
 * @param {Float32Array} repaired The reconstruction of x, as valid data.
 * @param {number[][]} parts
 * @param {function(Float32Array): Promise<number>} score
 * @param {function(): boolean} stale Whether to stop; null is returned then.
 */
export async function contributions(x, repaired, parts, score, stale = () => false) {
  const whole = await score(x);
  const [found, pause] = [[], pauses()];
  for (const part of parts) {
    const changed = Float32Array.from(x);
    for (const index of part) changed[index] = repaired[index];
    found.push(whole - (await score(changed)));
    await pause();
    if (stale()) return null;
  }
  return found;
}
