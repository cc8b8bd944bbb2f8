// Windows of a series in a CSV file: a column for each channel, and perhaps one of dates. Where the bundle
// names the channels and the file has a line with these names, the columns are found by them.

import { checkWidths, numberOf, numeric, placesOf, quoted } from "./columns.js";
import { isDate, timeOf } from "./dates.js";

const GAP = 1.5; // of the usual time between two lines, as in kvae.data.windows

/**
 * Return the windows of the lines of a file, one after the other. Where a column holds dates, no
 * window crosses a gap in time, and `where` says from when to when one goes.
 *
 * @param {string[][]} lines
 * @param {Kind} kind A series.
 * @returns {{count: number, example: function(number): Float32Array, where: ?function(number): string}}
 */
export function windowsOf(lines, kind) {
  const [samples, channels] = kind.grid;
  const found = byName(lines, kind);
  lines = found ?? lines;
  const [head = []] = lines;
  const named = found !== null || !numeric(head.filter((cell) => !isDate(cell)));
  const body = named ? lines.slice(1) : lines;
  const whole = body.length === 1 && body[0].length === samples * channels; // in one line
  const place = whole ? -1 : placeOfDates(body, channels + 1);
  const rows = whole
    ? body[0].map((cell) => [cell])
    : body.map((row) => row.filter((_, index) => index !== place));
  const wide = whole ? 1 : channels;
  const length = whole ? samples * channels : samples; // of a window, in rows
  const told = (row) =>
    `line ${row + 1 + lines.length - body.length} with ${quoted(body[row] ?? rows[row])}`;

  const wrong = rows.findIndex((row) => row.length !== wide || !numeric(row));
  const dates = place < 0 ? null : body.map((row) => row[place].trim());
  const times = dates?.map(timeOf) ?? [];
  const late = times.findIndex((time, row) => Number.isNaN(time) || time <= times[row - 1]);
  if (wrong < 0 && late >= 0)
    throw new Error(`Expected dates that increase from line to line. Received: ${told(late)}`);
  const starts = wrong < 0 ? startsOf(rows.length, length, times) : [];
  if (!starts.length) {
    throw new Error(
      `Expected a CSV file with ${samples} lines or more of ${channels} number${channels > 1 ? "s" : ""}` +
        `${dates ? " without a gap in time" : ""}. ` +
        `Received: ${wrong < 0 ? `${rows.length} lines` : told(wrong)}`,
    );
  }
  return {
    count: starts.length,
    example: (index) =>
      Float32Array.from(rows.slice(starts[index], starts[index] + length).flat(), numberOf),
    where: dates && ((index) => `${dates[starts[index]]} to ${dates[starts[index] + length - 1]}`),
  };
}

/**
 * Return the lines with the columns of the channels alone, in their order, after one of dates; null where
 * the first line does not name them.
 */
function byName(lines, { channels, named }) {
  const [head = []] = lines;
  const places = placesOf(channels, head);
  if (!named || places.includes(-1)) return null;
  checkWidths(lines.slice(1), head.length);
  const dates = head.findIndex((_, place) => lines.length > 1 && isDate(lines[1][place] ?? ""));
  const kept = dates < 0 || places.includes(dates) ? places : [dates, ...places];
  return lines.map((line) => kept.map((place) => line[place] ?? ""));
}

/** Return the place of the column of dates in rows of so many cells, -1 where there is none. */
function placeOfDates(rows, width) {
  const dates = (place) => rows.every((row) => row.length === width && isDate(row[place]));
  return rows.length ? Array.from({ length: width }, (_, place) => place).findIndex(dates) : -1;
}

/** Return the first row of each window; a stretch between two gaps in time begins with one. */
function startsOf(count, length, times) {
  const between = times.slice(1).map((time, row) => time - times[row]);
  const sorted = [...between].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  const starts = [];
  let first = 0;
  for (let row = 1; row <= count; row++) {
    if (row < count && !(between[row - 1] > GAP * median)) continue;
    for (let start = first; start + length <= row; start += length) starts.push(start);
    first = row;
  }
  return starts;
}
