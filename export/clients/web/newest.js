// Of several things that were begun only the newest counts.

export class Newest {
  #begun = 0;

  /** Begin one; return a function that says whether a newer one has begun since. */
  next() {
    const own = ++this.#begun;
    return () => own !== this.#begun;
  }
}
