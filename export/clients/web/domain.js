// Checks an input against its domain, as the manifest describes it.

import { short } from "./number.js";

/**
 * Throw where a number is infinite, or NaN and not missing.
 *
 * @param {ArrayLike<number>} values
 * @param {string} name What the error calls the input.
 * @param {boolean} [missing] Whether NaN stands for a missing number.
 */
export function checkFinite(values, name, missing = false) {
  for (let place = 0; place < values.length; place += 1) {
    if (!Number.isFinite(values[place]) && !(missing && Number.isNaN(values[place]))) {
      throw new Error(`Expected ${name} to be finite. Received: NaN or infinity`);
    }
  }
}

/**
 * Throw unless numbers are finite and in the domain. The sentence is that of the Python clients.
 *
 * @param {ArrayLike<number>} values Rows of events, flat.
 * @param {object} domain That of an input in `model.inputs` of the manifest. Where it has `missing`,
 *     NaN stands for a missing number.
 * @param {number} width Length of the last axis of an event.
 * @param {string} name What the error calls the input.
 */
export function checkDomain(values, domain, width, name) {
  checkFinite(values, name, domain.missing);
  if (!domain.columns.length) {
    checkPart(values, domain, domain.one_hot ? width : 1, name, domain.missing);
    return;
  }
  let start = 0;
  domain.columns.forEach((column, index) => {
    const span = spanOf(column);
    const part = [];
    for (let row = start; row < values.length; row += width) {
      for (let place = row; place < row + span; place++) part.push(values[place]);
    }
    checkPart(part, column, span, `${name}, column ${index} (${column.name}),`, domain.missing);
    start += span;
  });
}

function checkPart(
  values,
  { text, low, high, integer, one_hot: oneHot, hint },
  span,
  name,
  missing,
) {
  let [least, greatest, whole] = [Infinity, -Infinity, true];
  for (const value of values) {
    if (missing && Number.isNaN(value)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    whole &&= Number.isInteger(value);
  }
  whole ||= !integer;
  let single = true;
  for (let row = 0; oneHot && row < values.length; row += span) {
    const vector = Array.from(values.slice(row, row + span));
    // Of a one-hot vector all elements are missing, or none is.
    const unknown = missing && vector.every(Number.isNaN);
    single &&= unknown || vector.reduce((sum, value) => sum + value) === 1;
  }
  const read = Math.fround; // what the model reads
  const inside =
    (low === null || read(least) >= read(low)) && (high === null || read(greatest) <= read(high));
  if (inside && whole && single) return;
  const remark = !single ? ", not one-hot" : whole ? "" : ", not all whole";
  const found = `values in [${short(least)}, ${short(greatest)}]${remark}`;
  throw new Error(`Expected ${name} to hold ${text}. Received: ${found}. ${hint}`.trimEnd());
}

/**
 * Return decoded numbers made valid data: clipped, rounded, or the likeliest one-hot vector; as
 * `Domain.as_data` does.
 *
 * @param {ArrayLike<number>} values Rows of events, flat.
 * @param {object} domain As above.
 * @param {number} width Length of the last axis of an event.
 * @returns {Float32Array}
 */
export function asData(values, domain, width) {
  const result = Float32Array.from(values);
  const parts = domain.columns.length ? domain.columns : [domain];
  for (let row = 0; row < result.length; row += width) {
    let start = row;
    for (const part of parts) {
      const span = domain.columns.length ? spanOf(part) : width;
      makeValid(result.subarray(start, start + span), part);
      start += span;
    }
  }
  return result;
}

/** Return how many numbers of a row a column takes. */
export function spanOf(column) {
  return column.one_hot ? (column.categories ?? 1) : 1;
}

// Python rounds halves to even; so does this.
function whole(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

function makeValid(values, { low, high, integer, one_hot: oneHot }) {
  if (oneHot) {
    const most = values.indexOf(values.reduce((one, other) => Math.max(one, other)));
    values.fill(0);
    values[most] = 1;
    return;
  }
  values.forEach((value, place) => {
    const rounded = integer ? whole(value) : value;
    values[place] = Math.min(Math.max(rounded, low ?? -Infinity), high ?? Infinity);
  });
}
