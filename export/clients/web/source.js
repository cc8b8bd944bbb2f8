// The examples of the files that a person chooses.

import { examplesOf } from "./csv.js";
import { pixelsOf } from "./pixels.js";

/**
 * Return the examples of files: pictures, or one CSV file of windows or rows.
 *
 * @param {File[]} files
 * @param {Kind} kind
 * @returns {Promise<{count: number, example: function(number): Float32Array, words: string[], where: ?function(number): string}>}
 *     `words` say what they are.
 */
export async function sourceOf(files, kind) {
  const [first, ...more] = files;
  if (kind.name !== "picture") {
    if (more.length) throw new Error("Expected one CSV file. Received: several files");
    return { ...examplesOf(await textOf(first), kind), words: [first.name] };
  }
  const pictures = [];
  for (const file of files) pictures.push(await pixelsOf(file, kind));
  return {
    count: pictures.length,
    example: (row) => pictures[row].values,
    words: more.length ? [`${pictures.length} pictures`] : [first.name, pictures[0].words],
  };
}

async function textOf(file) {
  const text = await file.text();
  if (text.includes("\0")) {
    throw new Error(`Expected a CSV file. Received: ${file.name}, which is no text file`);
  }
  return text;
}

/** Return a sentence that says which files there can be. */
export function acceptedBy(kind) {
  return {
    picture: `A PNG, JPEG or WebP picture; it is resized to ${kind.grid.slice(0, 2).join(" × ")} pixels.`,
    series:
      (kind.named
        ? `A CSV file with the columns ${kind.channels.join(", ")}, perhaps one of dates, and `
        : `A CSV file with a column for each of ${kind.grid[1]} channels, perhaps one of dates, and `) +
      `${kind.grid[0]} lines or more.`,
    row: `A CSV file with the columns ${kind.columns.map(({ name }) => name).join(", ")}.`,
  }[kind.name];
}

/** Return what a field for files takes. */
export function suffixesOf(kind) {
  return kind.name === "picture" ? "image/*" : ".csv,.txt,.tsv,text/csv";
}
