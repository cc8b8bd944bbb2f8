// Reads CSV files: windows of a series, rows of a table.

import { checkWidths, numeric, placesOf, quoted } from "./columns.js";
import { windowsOf } from "./windows.js";

/**
 * Return the cells of each line; quotes may stand around a cell, and are letters within one, as pandas
 * reads them. Blank lines are left out, as pandas does; a line of cells without a value is none.
 */
export function cellsOf(text) {
  const lines = [[""]];
  const written = new Set(); // lines with a quoted cell, which may be empty
  let [quoted, opened] = [false, 0];
  const comma = separatorOf(text);
  for (let place = 0; place < text.length; place++) {
    const letter = text[place];
    const line = lines.at(-1);
    if (quoted && letter === '"' && text[place + 1] === '"') {
      line[line.length - 1] += '"';
      place++;
    } else if (letter === '"' && (quoted || /^ *$/.test(line.at(-1)))) {
      quoted = !quoted;
      opened = place;
      written.add(line);
    } else if (quoted) line[line.length - 1] += letter;
    else if (letter === comma) line.push("");
    else if (letter === "\n") lines.push([""]);
    else if (letter !== "\r" && letter !== "\ufeff") line[line.length - 1] += letter;
  }
  if (quoted) {
    const number = text.slice(0, opened).split("\n").length;
    throw new Error(
      `Expected quotes that end. Received: line ${number}, where one begins and never ends`,
    );
  }
  return lines.filter((line) => line.length > 1 || written.has(line) || line[0].trim() !== "");
}

function separatorOf(text) {
  const [first] = text.split("\n", 1);
  return [",", ";", "\t"].find((mark) => first.includes(mark)) ?? ",";
}

/**
 * Return how many examples a file holds, a function that returns the numbers of one, and one that
 * says where in time it lies, if the file tells.
 *
 * @param {string} text
 * @param {Kind} kind A series or a row.
 * @returns {{count: number, example: function(number): Float32Array, where: ?function(number): string}}
 */
export function examplesOf(text, kind) {
  const lines = cellsOf(text);
  return kind.name === "row" ? rowsOf(lines, kind) : windowsOf(lines, kind);
}

function rowsOf(lines, { columns }) {
  const [head, ...rows] = lines;
  const names = (head ?? []).map((name) => name.trim());
  const wanted = columns.map(({ name }) => name);
  const places = placesOf(wanted, head ?? []);
  if (places.every((place) => place < 0) && names.length === columns.length && numeric(names)) {
    return {
      count: lines.length,
      example: (row) =>
        numbersOf(
          columns,
          lines[row],
          columns.map((_, i) => i),
        ),
    };
  }
  if (places.includes(-1) || !rows.length) {
    const found = rows.length ? quoted(names) : "no rows";
    throw new Error(
      `Expected a CSV file with a line of names, among them ${wanted.join(", ")}, ` +
        `and rows below. Received: ${found}`,
    );
  }
  checkWidths(rows, head.length);
  return { count: rows.length, example: (row) => numbersOf(columns, rows[row], places) };
}

function numbersOf(columns, line, places) {
  return Float32Array.from(
    columns.flatMap((column, index) => column.numbers(line[places[index]] ?? "")),
  );
}
