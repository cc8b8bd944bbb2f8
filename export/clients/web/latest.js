// The newest wish wins: while one is fulfilled those in between are skipped, so that the page keeps
// up with a slider however slow the device is.

export class Latest {
  #busy = false;
  #wish = null;
  #tell;

  /** @param {function(boolean)} tell Called with whether it is busy. */
  constructor(tell = () => {}) {
    this.#tell = tell;
  }

  /**
   * Run an asynchronous action after the one that runs, unless a newer one comes before. An error is
   * that of the newest action; others are of what nobody wants any more.
   *
   * @param {function(): Promise} action
   */
  async run(action) {
    this.#wish = action;
    if (this.#busy) return;
    this.#busy = true;
    this.#tell(true);
    try {
      while (this.#wish) {
        const action = this.#wish;
        this.#wish = null;
        try {
          await action(() => this.#wish !== null);
        } catch (error) {
          if (!this.#wish) throw error;
        }
      }
    } finally {
      this.#busy = false;
      this.#tell(false);
    }
  }
}
