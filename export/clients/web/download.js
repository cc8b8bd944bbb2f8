// Files to keep: a picture or a strip of pictures as PNG, series and rows as CSV.

import { animation } from "./apng.js";
import { exact } from "./number.js";
import { Picture } from "./picture.js";

const LEAST_PIXELS = 256; // of the shorter side of a picture

/**
 * Save examples side by side.
 *
 * @param {Kind} kind
 * @param {ArrayLike<number>[]} examples
 * @param {string} name Of the file, without its suffix.
 */
export async function save(kind, examples, name) {
  if (kind.name === "picture") keepFile(await png(kind, examples), `${name}.png`);
  else keepFile(new Blob([csv(kind, examples)], { type: "text/csv" }), `${name}.csv`);
}

/**
 * Save pictures one after the other, as an animated PNG.
 *
 * @param {Kind} kind
 * @param {ArrayLike<number>[]} examples
 * @param {string} name Of the file, without its suffix.
 * @param {number} milliseconds That each is shown.
 */
export async function saveFilm(kind, examples, name, milliseconds) {
  const frames = [];
  for (const example of examples) frames.push(await png(kind, [example]));
  keepFile(await animation(frames, milliseconds), `${name}.png`);
}

/** Save a file. */
export function keepFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function png(kind, examples) {
  const [height, width] = kind.grid;
  const times = Math.max(1, Math.ceil(LEAST_PIXELS / Math.min(height, width)));
  const strip = document.createElement("canvas");
  Object.assign(strip, { width: times * width * examples.length, height: times * height });
  const context = strip.getContext("2d");
  context.imageSmoothingEnabled = false; // pixels stay sharp
  const picture = new Picture(document.createElement("div"), kind, "");
  examples.forEach((example, index) => {
    picture.paint(example);
    context.drawImage(picture.canvas, index * times * width, 0, times * width, times * height);
  });
  return new Promise((resolve) => strip.toBlob(resolve, "image/png"));
}

/** Return the text of a CSV file that the page reads again. */
export function csv(kind, examples) {
  const lines = [];
  if (kind.name === "row") {
    lines.push(kind.columns.map(({ name }) => quoted(name)));
    for (const row of examples)
      lines.push(kind.columns.map((column) => quoted(written(column, row))));
  } else {
    const [samples, channels] = kind.grid;
    lines.push(kind.channels.map(quoted));
    for (const values of examples) {
      for (let sample = 0; sample < samples; sample++) {
        lines.push(Array.from(values.slice(sample * channels, (sample + 1) * channels), exact));
      }
    }
  }
  return lines.map((line) => `${line.join(",")}\n`).join("");
}

/** Return a value as text; a number's minus is one that other programs read. */
function written(column, row) {
  const text = column.made(row);
  return column.classes ? text : text.replace("\u2212", "-");
}

function quoted(text) {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
