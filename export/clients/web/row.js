// Shows a row of a table: name, value and where the value lies among the examples, by column.

export class Row {
  #cells;
  #given;
  #table = document.createElement("table");

  /**
   * @param {Element} place Where the table goes.
   * @param {{columns: Column[]}} kind
   * @param {string} label Its caption.
   * @param {string} heading Of the values, where there are further columns.
   * @param {string[]} more Headings of further columns, see `paint`.
   * @param {boolean} given Whether the rows are given ones, and not made by a model.
   */
  constructor(place, { columns }, label, heading = "", more = [], given = false) {
    this.#given = given;
    this.#table.className = "row-values";
    const caption = this.#table.createCaption();
    Object.assign(caption, { className: "hidden", textContent: label });
    if (more.length) {
      const head = this.#table.createTHead().insertRow();
      head.append(...["Column", heading, ...more].map((text) => cell("th", text, "col")));
    }
    const body = this.#table.createTBody();
    this.#cells = columns.map((column) => {
      const line = body.insertRow();
      const name = cell("th", "", "row");
      name.append(...breakable(column.name));
      line.append(name);
      const [value, ...others] = [0, ...more].map(() => line.insertCell());
      const bar = more.length ? null : line.insertCell();
      const fill = document.createElement("span");
      if (bar) {
        bar.className = "bar";
        bar.append(fill);
        bar.ariaHidden = "true";
      }
      return { column, value, others, fill };
    });
    place.replaceChildren(this.#table);
  }

  set label(text) {
    this.#table.caption.textContent = text;
  }

  /**
   * Show a row.
   *
   * @param {ArrayLike<number>} values Its numbers.
   * @param {...(function(Column): string)} texts What the further columns say.
   */
  paint(values, ...texts) {
    for (const { column, value, others, fill } of this.#cells) {
      value.textContent = this.#given ? column.text(values) : column.made(values);
      fill.className = column.classes ? "point" : "";
      fill.style.setProperty("--share", column.share(values));
      others.forEach((other, index) => {
        other.textContent = texts[index](column);
      });
    }
  }
}

/** Return a name such as hours_per_week in parts between which a line may break. */
function breakable(name) {
  const parts = name.split(/(?<=_)/);
  return parts.flatMap((part, place) => (place ? [document.createElement("wbr"), part] : [part]));
}

function cell(tag, text, scope) {
  return Object.assign(document.createElement(tag), { textContent: text, scope });
}
