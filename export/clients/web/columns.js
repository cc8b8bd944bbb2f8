// The columns of a row: their names, and their numbers as text in the units of the table.
//
// `table` in the manifest, where the bundle was written with one, says what the numbers of a table
// stand for: `TableSchema.get_config()` of kvae.data.

import { hasZone, timeOf, zoned } from "./dates.js";
import { spanOf } from "./domain.js";
import { plain } from "./number.js";

const STEPS = { D: 86400e3, h: 3600e3, m: 60e3, s: 1e3, ms: 1, us: 1e-3, ns: 1e-6 }; // milliseconds
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i; // no 0x10, which is a text to pandas
const [MOST_QUOTED, LONGEST_QUOTED] = [50, 60]; // cells and characters of one in an error

/** What is read as a missing value: `GAPS` of kvae/cli/table_cells.py. */
export const GAPS = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"];
GAPS.push("#N/A", "#N/A N/A", "#NA", "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN");

/**
 * Return the columns of an example in order.
 *
 * @param {object} manifest Of the bundle.
 * @param {{size: number, domain: object}} kind
 * @returns {Column[]}
 */
export function columnsOf(manifest, { size, domain }) {
  const ranges = manifest.examples?.ranges?.x ?? [];
  const known = (manifest.table?.columns ?? []).filter(({ kind }) => kind in TEXT);
  if (!domain.columns.length) {
    const range = ranges[0] ?? { low: null, high: null };
    return Array.from({ length: size }, (_, index) => {
      const told = known.length === size ? known[index] : null;
      const name = told ? String(told.name) : `Value ${index}`;
      return new Column(
        name,
        index,
        domain.one_hot ? { ...domain, one_hot: false } : domain,
        range,
        told,
        domain.missing,
      );
    });
  }
  let start = 0;
  return domain.columns.map((part, index) => {
    const told = known.length === domain.columns.length ? known[index] : null;
    const name = told ? String(told.name) : part.name;
    const column = new Column(name, start, part, ranges[index] ?? part, told, domain.missing);
    start += column.span;
    return column;
  });
}

/** How the numbers of a kind of column are written. */
const TEXT = {
  number: (value, { offset, decimals }) =>
    decimals === null ? plain(value + offset, 5) : (value + offset).toFixed(Math.max(decimals, 0)),
  integer: (value, { offset }) => String(Math.round(value + offset)),
  count: (value, { offset }) => String(Math.round(value + offset)),
  category: (value, { categories }) => String(categories[place(value, categories)]),
  date: (value, { start, unit, step, zone }) => {
    const time = start * STEPS[unit] + Math.round(value) * STEPS[step];
    if (zone) return zoned(time, zone); // a day begins at another hour of UTC
    return new Date(time).toISOString().slice(0, step === "D" ? 10 : 19);
  },
};

/** How a text becomes the number of a kind of column; NaN where it is none. */
const VALUE = {
  number: (text, { offset }) => numberOf(text) - offset,
  integer: (text, { offset }) => numberOf(text) - offset,
  count: (text, { offset }) => numberOf(text) - offset,
  category: (text, { categories, other }) => {
    const found = classOf(text, categories);
    return found >= 0 ? found : other === null ? NaN : categories.indexOf(other);
  },
  date: (text, { start, unit, step, zone }) =>
    hasZone(text.trim()) === Boolean(zone)
      ? (timeOf(text.trim()) - start * STEPS[unit]) / STEPS[step]
      : NaN,
};

/** Return the place of the class that a text names, by the first comparison that finds one; -1 of none. */
function classOf(text, categories) {
  const names = categories.map(String);
  const [trimmed, small] = [text.trim(), text.trim().toLowerCase()];
  const alike = names.flatMap((name, index) =>
    name.trim().toLowerCase() === small ? [index] : [],
  );
  const found = [
    names.indexOf(text),
    names.findIndex((name) => name.trim() === trimmed),
    categories.findIndex((each) => typeof each === "number" && each === numberOf(text)),
    alike.length === 1 ? alike[0] : -1, // True for true
  ];
  return found.find((index) => index >= 0) ?? -1;
}

function place(value, categories) {
  return Math.min(Math.max(Math.round(value), 0), categories.length - 1);
}

/**
 * Return where names stand in the first line of a file; -1 of none. A cell is a name as it is written, or
 * without the blanks before it, as kvae train reads it, or without those around it.
 */
export function placesOf(names, head) {
  const read = head.map((cell) => cell.replace(/^ +/, ""));
  const trimmed = head.map((cell) => cell.trim());
  return names.map((name) =>
    ([head, read].find((cells) => cells.includes(name)) ?? trimmed).indexOf(name),
  );
}

/** Throw where a row has more cells than the line of names: which of them are meant is not known. */
export function checkWidths(rows, width) {
  const long = rows.findIndex((row) => row.length > width);
  if (long < 0) return;
  const found = `row ${long + 1} with ${rows[long].length}: ${quoted(rows[long])}`;
  throw new Error(`Expected rows of ${width} cells, one for each name. Received: ${found}`);
}

/** Return the number that a text is, as pandas reads it; NaN where it is none. */
export function numberOf(text) {
  return NUMBER.test(text.trim()) ? Number(text) : NaN;
}

/** Return whether all texts are numbers, or missing. */
export function numeric(cells) {
  return cells.every((cell) => isGap(cell) || Number.isFinite(numberOf(cell)));
}

/** Return cells for an error: the first ones, each cut. */
export function quoted(cells) {
  const shown = cells
    .slice(0, MOST_QUOTED)
    .map((cell) => (cell.length > LONGEST_QUOTED ? `${cell.slice(0, LONGEST_QUOTED)} …` : cell));
  return [...shown, ...(cells.length > MOST_QUOTED ? ["…"] : [])].join(", ");
}

function isGap(text) {
  return GAPS.includes(text.trim());
}

export class Column {
  #domain;
  #missing;
  #told;

  /**
   * @param {string} name
   * @param {number} start Index of its first number in the row.
   * @param {object} domain Of its values.
   * @param {{low: ?number, high: ?number}} range Of the examples.
   * @param {?object} told What the schema says of it.
   * @param {boolean} [missing] Whether its values may be missing.
   */
  constructor(name, start, domain, range, told, missing = true) {
    Object.assign(this, { name, start, span: spanOf(domain) });
    this.#missing = missing;
    this.#domain = domain;
    this.#told = told;
    /** The ends of its values, for drawings. */
    this.low = range.low ?? domain.low ?? 0;
    this.high = range.high ?? domain.high ?? 1;
  }

  /** Whether its values are classes. */
  get classes() {
    return this.#told?.kind === "category" || Boolean(this.#domain.categories);
  }

  /** Return the number of a row, for a one-hot vector that of its class. */
  number(row) {
    if (this.span === 1) return row[this.start];
    const part = Array.from(row.slice(this.start, this.start + this.span));
    return part.some(Number.isNaN) ? NaN : part.indexOf(Math.max(...part));
  }

  /** Return the value of a row as text. */
  text(row) {
    return this.#written(this.number(row));
  }

  /** Return the value of a row that a model made as text, in the range of the table. */
  made(row) {
    const { low, high } = this.#told ?? {};
    return this.#written(Math.min(Math.max(this.number(row), low ?? -Infinity), high ?? Infinity));
  }

  #written(value) {
    if (Number.isNaN(value)) return "missing";
    if (this.#told) return TEXT[this.#told.kind](value, this.#told);
    if (this.classes) return `class ${Math.round(value)}`;
    return this.#domain.integer ? String(Math.round(value)) : plain(value, 4);
  }

  /** Return where a value of a row lies between the ends, from 0 to 1. */
  share(row) {
    const found = (this.number(row) - this.low) / Math.max(this.high - this.low, 1e-12);
    return Math.min(Math.max(found, 0), 1);
  }

  /**
   * Return the numbers that a text stands for.
   *
   * @throws {Error} If it stands for none. One of `GAPS` is a missing value, unless it is a class too;
   *     where values cannot be missing it is refused.
   */
  numbers(text) {
    const trimmed = text.trim();
    const read = this.#told ? VALUE[this.#told.kind] : numberOf;
    const named =
      trimmed !== "" && this.#told?.categories?.some((each) => [text, trimmed].includes(each));
    const missing = isGap(text) && !named;
    const value = missing ? NaN : read(text, this.#told);
    if (missing ? !this.#missing : Number.isNaN(value)) {
      const told = this.#told;
      const classes = told?.categories ? `one of ${told.categories.slice(0, 5).join(", ")}` : null;
      const dates = told?.zone
        ? "a date with a time zone such as 2024-01-31T00:00Z"
        : "a date without a time zone such as 2024-01-31";
      const found = missing ? "a missing value" : quoted([trimmed]);
      const expected = classes ?? (told?.kind === "date" ? dates : "a number");
      throw new Error(`Expected ${expected} in the column ${this.name}. Received: ${found}`);
    }
    if (this.span === 1) return [value];
    return Array.from({ length: this.span }, (_, index) =>
      Number.isNaN(value) ? NaN : Number(index === Math.round(value)),
    );
  }
}
