// The latent axes as sliders, the most informative first, with a small drawing at either end.

import { display } from "./display.js";
import { plain } from "./number.js";

const SHOWN = 8; // the others follow on a click

export class Axes {
  #rows = [];
  #place;
  #kind;
  #names;

  /**
   * @param {Element} place Where the rows go.
   * @param {Kind} kind What is decoded.
   * @param {object[]} axes `axes` of the manifest.
   * @param {Names} names Of the axes.
   * @param {{input: function(number, number), commit: function(), strip: function(object),
   *     renamed: function()}} on Called while a slider moves, when it has moved, for a strip of pictures
   *     along an axis, and when an axis has another name.
   */
  constructor(place, kind, axes, names, on) {
    [this.#place, this.#kind, this.#names] = [place, kind, names];
    this.#rows = axes.map((axis) => this.#row(axis, on));
    place.replaceChildren(...this.#rows.map(({ row }) => row));
    const rest = this.#rows.slice(SHOWN);
    for (const { row } of rest) row.hidden = true;
    if (rest.length) {
      const more = button(`Show all ${axes.length} axes`, "more-axes");
      more.addEventListener("click", () => {
        for (const { row } of rest) row.hidden = false;
        more.remove();
        rest[0].slider.focus();
        this.#place.dispatchEvent(new Event("shown"));
      });
      place.append(more);
    }
  }

  #row(axis, on) {
    const { index, share, low, high } = axis;
    const row = Object.assign(document.createElement("div"), {
      className: `axis ${this.#kind.name}`,
    });
    const [start, end] = ["start", "end"].map((name) => {
      const place = Object.assign(document.createElement("div"), { className: `preview ${name}` });
      place.ariaHidden = "true";
      return place;
    });
    const label = document.createElement("label");
    const percent = share === null ? "" : `${plain(100 * share, 2)}%`;
    const name = Object.assign(document.createElement("span"), { id: `axis-${index}-name` });
    label.append(name, " ", quiet(percent));
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", id: `axis-${index}`, min: low, max: high, step: "any" });
    label.htmlFor = slider.id;
    const output = Object.assign(document.createElement("output"), { id: `axis-${index}-value` });
    output.htmlFor = slider.id;
    const strip = button("Strip", `axis-${index}-strip`);
    const rename = button("Rename", `axis-${index}-rename`);
    strip.className = rename.className = "plain";
    strip.addEventListener("click", () => on.strip(axis));
    const call = () => {
      name.textContent = this.#names.of(index);
      strip.ariaLabel = `Download a strip along ${this.#names.of(index)}`;
      rename.ariaLabel = `Rename ${this.#names.of(index)}`;
    };
    call();
    rename.addEventListener("click", () =>
      this.#rename(index, label, rename, () => {
        call();
        on.renamed();
      }),
    );
    const ends = quiet(`${plain(low)} to ${plain(high)}`);
    ends.className += " ends";
    const head = Object.assign(document.createElement("div"), { className: "axis-head" });
    head.append(label, output, ends, rename, strip);
    slider.addEventListener("input", () => {
      this.#say(index, Number(slider.value));
      on.input(index, Number(slider.value));
    });
    slider.addEventListener("change", () => on.commit());
    row.append(start, head, slider, end);
    const small = this.#kind.name === "row" ? null : [start, end];
    const drawings = small?.map((place) => display(place, this.#kind, "", true));
    return { axis, row, slider, output, ends: [start, end], drawings };
  }

  /** Let a person write the name of an axis in the place of its label. */
  #rename(index, label, opener, renamed) {
    const field = document.createElement("input");
    Object.assign(field, {
      id: `axis-${index}-new-name`,
      maxLength: 40,
      value: label.firstChild.textContent,
    });
    field.ariaLabel = `New name of ${this.#names.of(index)}`;
    const close = (name) => {
      field.onblur = null; // taking it away makes it lose the focus
      if (name !== null) this.#names.rename(index, name);
      field.replaceWith(label);
      renamed();
      opener.focus();
    };
    field.onblur = () => close(field.value);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault(); // the key must not press the button that has the focus then
      close(event.key === "Enter" ? field.value : null);
    });
    label.replaceWith(field);
    field.focus();
    field.select();
  }

  /** Give the sliders the values of z. A draw may lie outside a slider's range: its number tells. */
  set(z) {
    for (const { axis, slider } of this.#rows) {
      slider.value = z[axis.index];
      this.#say(axis.index, z[axis.index]);
    }
  }

  #say(index, value) {
    const { axis, slider, output } = this.#rows.find(({ axis }) => axis.index === index);
    // z is float32: the ends of the range round like it.
    const [low, high] = [axis.low, axis.high].map(Math.fround);
    const inside = Math.fround(value) >= low && Math.fround(value) <= high;
    output.textContent = value.toFixed(2).replace("-", "−");
    output.className = inside ? "" : "outside";
    const range = `range ${plain(axis.low)} to ${plain(axis.high)}`;
    slider.ariaValueText = `${value.toFixed(2)}, ${inside ? range : `outside the ${range}`}`;
  }

  /**
   * Draw the ends of each axis that is shown, with the other axes as they are.
   *
   * @param {ArrayLike<number>} z
   * @param {function(Float32Array): Promise<ArrayLike<number>>} decode
   * @param {function(): boolean} stale Whether to stop, since there is a newer point.
   */
  async preview(z, decode, stale) {
    for (const row of this.#rows.filter(({ row }) => !row.hidden)) {
      const values = [];
      for (const end of [row.axis.low, row.axis.high]) {
        const moved = Float32Array.from(z);
        moved[row.axis.index] = end;
        values.push(await decode(moved));
        if (stale()) return;
      }
      for (const each of values) this.#kind.scale.grow(each);
      row.drawings?.forEach((drawing, place) => drawing.paint(values[place]));
      if (!row.drawings) this.#write(row.ends, values);
    }
  }

  /** Say the values of the two columns that differ most between the ends. */
  #write(ends, values) {
    const changed = (column) => Math.abs(column.share(values[1]) - column.share(values[0]));
    const told = [...this.#kind.columns]
      .sort((one, other) => changed(other) - changed(one))
      .slice(0, 2);
    ends.forEach((end, place) => {
      end.replaceChildren(
        ...told.map((column) => {
          const line = document.createElement("div");
          line.append(quiet(`${column.name} `), column.made(values[place]));
          return line;
        }),
      );
    });
  }
}

function quiet(text) {
  return Object.assign(document.createElement("span"), { className: "quiet", textContent: text });
}

function button(text, id) {
  return Object.assign(document.createElement("button"), { type: "button", textContent: text, id });
}
