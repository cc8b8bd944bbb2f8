// The way of least energy between two points through the codes of examples.
//
// Codes are the nodes of a graph. Each is joined to those nearest to it in the latent space, and so are
// the two points. Of the ways along the edges, z_0 to z_n, the one with the least energy is taken,
//
//   sum_i |g(z_i+1) - g(z_i)|^2,   g(z) what is decoded at z,
//
// by Dijkstra's algorithm: squares prefer many small steps through where examples are dense. Where no way
// leads from one point to the other, twice as many codes are joined. Beside the descent of `kvae.interpolate`
// on the same energy, whose points are free, this needs no gradients.
// Hwang, Damelin, Hero: Shortest path through random points, 2016, https://arxiv.org/abs/1202.0045

const NEAREST = 10;

export class CodeGraph {
  #codes;
  #neighbours = new Map(); // sets of nodes, by the number of nearest ones

  /** @param {{count: number, size: number, values: Float32Array}} codes See `readCodes`. */
  constructor({ count, size, values }) {
    this.#codes = Array.from({ length: count }, (_, code) =>
      values.subarray(code * size, (code + 1) * size),
    );
  }

  /**
   * Return the way from `a` to `b`, null where `decode` returned null.
   *
   * @param {ArrayLike<number>} a
   * @param {ArrayLike<number>} b
   * @param {function(ArrayLike<number>): Promise<?ArrayLike<number>>} decode
   * @returns {Promise<?Way>}
   */
  async path(a, b, decode) {
    const vectors = [...this.#codes, a, b];
    const [start, goal] = [vectors.length - 2, vectors.length - 1];
    const decoded = new Map(); // only of nodes that the search comes to
    const at = async (node) => {
      if (!decoded.has(node)) decoded.set(node, await decode(vectors[node]));
      return decoded.get(node);
    };
    const most = this.#codes.length;
    for (let count = NEAREST; ; count *= 2) {
      const [first, last] = [a, b].map((vector) => new Set(this.#nearest(vector, count)));
      const joined = this.#joined(count);
      const edges = (node) => {
        if (node === start) return first;
        return last.has(node) ? [...joined[node], goal] : joined[node];
      };
      const nodes = await cheapest(vectors.length, edges, start, goal, at);
      if (!nodes) return null;
      if (!nodes.length && count < most) continue;
      const lengths = [0];
      for (let step = 1; step < nodes.length; step++) {
        const [one, other] = nodes.slice(step - 1, step + 1).map((node) => decoded.get(node));
        lengths.push(lengths.at(-1) + Math.sqrt(square(one, other)));
      }
      return new Way(
        nodes.map((node) => vectors[node]),
        lengths,
      );
    }
  }

  /** Return the codes that are nearest to a vector, the nearest first. */
  #nearest(vector, count, but = -1) {
    const distances = Float64Array.from(this.#codes, (code) => square(code, vector));
    return Array.from(distances.keys())
      .filter((node) => node !== but)
      .sort((one, other) => distances[one] - distances[other])
      .slice(0, count);
  }

  /** Return the set of codes that each code is joined to: one of both is among the nearest of the other. */
  #joined(count) {
    if (!this.#neighbours.has(count)) {
      const sets = this.#codes.map(() => new Set());
      for (const [node, code] of this.#codes.entries()) {
        for (const other of this.#nearest(code, count, node)) {
          sets[node].add(other);
          sets[other].add(node);
        }
      }
      this.#neighbours.set(count, sets);
    }
    return this.#neighbours.get(count);
  }
}

/** A way through points, with the length of what is decoded up to each of them. */
export class Way {
  #lengths;

  /**
   * @param {ArrayLike<number>[]} points
   * @param {number[]} lengths
   */
  constructor(points, lengths) {
    this.points = points;
    this.#lengths = lengths;
  }

  /** Return the vector at share `t` of the length; between two points it is on the line. */
  at(t) {
    const length = t * this.#lengths.at(-1);
    const next = this.#lengths.findIndex((each) => each >= length && each > 0);
    if (t <= 0 || next < 1) return Float32Array.from(this.points[0]);
    const [from, to] = [this.points[next - 1], this.points[next]];
    const [low, high] = this.#lengths.slice(next - 1, next + 1);
    const share = t >= 1 ? 1 : (length - low) / (high - low);
    const end = t >= 1 ? this.points.at(-1) : to;
    return Float32Array.from(from, (value, index) => (1 - share) * value + share * end[index]);
  }
}

/** Dijkstra's algorithm: return the nodes of the way of least energy, none where there is no way. */
async function cheapest(count, edges, start, goal, at) {
  const energies = new Float64Array(count).fill(Infinity);
  const before = new Int32Array(count).fill(-1);
  const open = new Set([start]);
  const done = new Set();
  energies[start] = 0;
  while (open.size) {
    let node = -1;
    for (const each of open) if (node < 0 || energies[each] < energies[node]) node = each;
    if (node === goal) break;
    open.delete(node);
    done.add(node);
    const here = await at(node);
    for (const next of edges(node)) {
      if (done.has(next)) continue;
      const there = await at(next);
      if (!here || !there) return null;
      const energy = energies[node] + square(here, there);
      if (energy >= energies[next]) continue;
      [energies[next], before[next]] = [energy, node];
      open.add(next);
    }
  }
  const nodes = [];
  if (before[goal] >= 0) for (let node = goal; node >= 0; node = before[node]) nodes.unshift(node);
  return nodes;
}

/** Return the squared distance. */
function square(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] - other[index]) ** 2;
  return sum;
}
