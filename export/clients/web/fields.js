// The inputs beside x and z, such as a condition: a menu for classes, otherwise numbers.

import { numberOf } from "./columns.js";

const NOT_FIELDS = ["x", "z", "z_a", "z_b", "t", "seed"];
const MOST_CLASSES = 100;

export class Fields {
  #fields;

  /**
   * @param {Element} place
   * @param {object} described `model.inputs` of the manifest.
   * @param {string[]} names Inputs of the signatures.
   * @param {function()} change Called after a change.
   */
  constructor(place, described, names, change) {
    const shown = names.filter((name) => name in described && !NOT_FIELDS.includes(name));
    this.#fields = shown.map((name) => {
      const field = fieldOf(described[name]);
      Object.assign(field, { id: `input-${name}`, name, title: described[name].domain.text });
      field.addEventListener("change", change);
      const label = document.createElement("label");
      label.append(`${name} `, field);
      place.append(label);
      return field;
    });
    place.replaceChildren(...this.#fields.map((field) => field.parentElement));
    place.hidden = !shown.length;
  }

  /** The numbers of each field by its name; NaN where one is empty or no number. */
  get values() {
    return Object.fromEntries(
      this.#fields.map(({ name, value }) => [name, value.split(",").map(numberOf)]),
    );
  }

  set values(values) {
    for (const field of this.#fields) {
      if (field.name in values) field.value = values[field.name].join(",");
    }
  }
}

function fieldOf(input) {
  const { domain, shape } = input;
  const size = shape.reduce((product, length) => product * length, 1);
  const count = domain.integer && domain.low === 0 && !domain.one_hot ? domain.high + 1 : 0;
  const classes = domain.one_hot && size === domain.categories ? domain.categories : 0;
  if (size === 1 && count >= 2 && count <= MOST_CLASSES) {
    return menu(Array.from({ length: count }, (_, index) => String(index)));
  }
  if (classes >= 2 && classes <= MOST_CLASSES) {
    const vector = (index) =>
      Array.from({ length: classes }, (_, place) => Number(place === index));
    return menu(Array.from({ length: classes }, (_, index) => vector(index).join(",")));
  }
  return Object.assign(document.createElement("input"), { value: plainValues(input).join(",") });
}

function menu(values) {
  const field = document.createElement("select");
  field.append(...values.map((value, index) => new Option(`class ${index}`, value)));
  return field;
}

/** Return numbers of a domain to begin with. */
function plainValues({ shape, domain }) {
  const parts = domain.columns.length ? domain.columns : [domain];
  const row = parts.flatMap((part) => {
    const single = part.one_hot ? part.categories : 1;
    const width = domain.columns.length ? single : (shape.at(-1) ?? 1);
    const value = Math.min(Math.max(0, part.low ?? -Infinity), part.high ?? Infinity);
    return Array.from({ length: width }, (_, place) => (part.one_hot ? Number(!place) : value));
  });
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  return Array.from({ length: rows }, () => row).flat();
}
