// The values that the ends of a drawing stand for, for each channel.

export class Scale {
  #ends;
  #fixed;

  /**
   * @param {number} channels Number i of an example belongs to channel i % channels.
   * @param {{low: ?number, high: ?number}} domain Where both bounds are known the scale is fixed;
   *     otherwise it grows with what it is shown, so that drawings can be compared.
   */
  constructor(channels, { low, high }) {
    this.#fixed = low !== null && high !== null;
    const ends = this.#fixed ? [low, high] : [Infinity, -Infinity];
    this.#ends = Array.from({ length: channels }, () => [...ends]);
  }

  /** Forget the examples so far. */
  reset() {
    if (this.#fixed) return;
    this.#ends = this.#ends.map(() => [Infinity, -Infinity]);
  }

  /** Take the numbers of an example into account. */
  grow(values) {
    if (this.#fixed) return;
    const channels = this.#ends.length;
    values.forEach((value, index) => {
      const ends = this.#ends[index % channels];
      if (value < ends[0]) ends[0] = value;
      if (value > ends[1]) ends[1] = value;
    });
  }

  /** Return [low, high] of a channel. */
  ends(channel = 0) {
    const [low, high] = this.#ends[channel];
    return low <= high ? [low, high] : [0, 1];
  }

  /** Return where a value of a channel lies, 0 at its low end and 1 at its high one. */
  share(value, channel = 0) {
    const [low, high] = this.ends(channel);
    return (value - low) / Math.max(high - low, 1e-12);
  }
}
