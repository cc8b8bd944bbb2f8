// Two examples beside each other, their difference, and a number for each part.

import { partsOf } from "./contribution.js";
import { display } from "./display.js";
import { plain } from "./number.js";
import { Picture } from "./picture.js";
import { Row } from "./row.js";
import { Scale } from "./scale.js";
import { Series } from "./series.js";

/**
 * Make the places of the drawings in a place, and return what paints them.
 *
 * @param {Element} place
 * @param {Kind} kind
 * @param {object} words `one` and `other`, the headings; `said`, what screen readers call the first and the
 *     second; `other` is null where there is no second example; `given`, whether the first is not made by
 *     a model.
 * @param {?string} parts Heading of the numbers of the parts in nats, null for none.
 * @returns {function(ArrayLike<number>, ?ArrayLike<number>, ?number[])} Takes both examples and the
 *     numbers, see `partsOf`.
 */
export function panels(place, kind, words, parts = null) {
  place.replaceChildren();
  place.className = `panels ${kind.name}`;
  return { row: cells, picture: pictures, series: lines }[kind.name](place, kind, words, parts);
}

function cells(place, kind, { one, other, said, given }, parts) {
  const headings = [other, parts && `${parts}, nats`].filter(Boolean);
  const row = new Row(place, kind, said[0], one, headings, given);
  return (x, second, found) => {
    const texts = [
      other && ((column) => column.made(second)),
      parts && ((column) => (found ? plain(found[kind.columns.indexOf(column)], 3) : "")),
    ];
    row.paint(x, ...texts.filter(Boolean));
  };
}

function pictures(place, kind, { one, other, said }, parts) {
  const [height, width, channels] = kind.grid;
  const first = display(figure(place, one).inner, kind, said[0]);
  const second = other && display(figure(place, other).inner, kind, said[1]);
  const difference = other && signed(place, kind, "Difference");
  const numbers = parts && signed(place, kind, parts);
  return (x, made, found) => {
    first.paint(x);
    if (!other) return;
    second.paint(made);
    const mean = Array.from({ length: height * width }, (_, pixel) => {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) {
        sum += x[pixel * channels + channel] - made[pixel * channels + channel];
      }
      return sum / channels;
    });
    difference.paint(mean, [height, width], "");
    if (found) numbers?.paint(found, partsOf(kind).grid, " nats");
  };
}

function lines(place, kind, { one, other, said }, parts) {
  const both = other ? `${one}; broken line: ${other}` : one;
  const line = new Series(figure(place, both).inner, kind, said.join(", "));
  const { grid, channels, named } = kind;
  const rest = { grid, channels, named, scale: new Scale(grid[1], { low: null, high: null }) };
  const difference = other && new Series(figure(place, "Difference").inner, rest, "The difference");
  const numbers = parts && signed(place, kind, `${parts} of each channel and stretch`);
  return (x, made, found) => {
    line.paint(x, made);
    if (!other) return;
    const left = x.map((value, index) => value - made[index]);
    rest.scale.grow(left);
    difference.paint(left);
    if (found) numbers?.paint(found, partsOf(kind).grid, " nats");
  };
}

/** Return the place of a drawing with a caption below it, and one for a remark in the caption. */
export function figure(place, words) {
  const found = document.createElement("figure");
  const inner = document.createElement("div");
  const caption = document.createElement("figcaption");
  const quiet = Object.assign(document.createElement("span"), { className: "quiet" });
  caption.append(`${words} `, quiet);
  found.append(inner, caption);
  place.append(found);
  return { inner, quiet };
}

function signed(place, kind, words) {
  const { inner, quiet } = figure(place, words);
  const [height, width] = kind.name === "picture" ? kind.grid : partsOf(kind).grid;
  const drawing = new Picture(inner, { grid: [height, width, 1], scale: kind.scale }, words);
  return {
    paint: (values, size, unit) => {
      const most = values.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
      drawing.paintSigned(values, size, most);
      quiet.textContent = `±${plain(most)}${unit}`;
      drawing.label = `${words}, at most ${plain(most)}${unit}`;
      drawing.canvas.dataset.values = JSON.stringify(Array.from(values));
    },
  };
}
