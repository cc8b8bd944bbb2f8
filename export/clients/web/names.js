// The names that a person gives to the axes of a model; the browser keeps them.

export class Names {
  #key;
  #names = {};

  /** @param {string} model What tells the model from others: its digest. */
  constructor(model) {
    this.#key = `kvae-axes-${model}`;
    try {
      this.#names = JSON.parse(localStorage.getItem(this.#key)) ?? {};
    } catch {
      // A browser that keeps nothing, or what something else wrote.
    }
  }

  /** Return the name of an axis. */
  of(index) {
    return this.#names[index] ?? `Axis ${index}`;
  }

  /** Name an axis; an empty name takes the old one back. */
  rename(index, name) {
    const { [index]: _, ...others } = this.#names;
    this.#names = name.trim() ? { ...others, [index]: name.trim() } : others;
    try {
      localStorage.setItem(this.#key, JSON.stringify(this.#names));
    } catch {
      // It is kept as long as the page is open.
    }
  }
}
