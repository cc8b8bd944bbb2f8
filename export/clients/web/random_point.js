// A random latent vector for files without the signature `sample`.

/**
 * Return a vector of standard normals inside the ranges of the axes, the same for a seed.
 *
 * @param {number} seed
 * @param {number} size
 * @param {{index: number, low: number, high: number}[]} axes
 */
export function randomPoint(seed, size, axes) {
  let state = seed >>> 0;
  // mulberry32
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const z = Array.from({ length: size }, () => {
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  });
  for (const { index, low, high } of axes) z[index] = Math.min(Math.max(z[index], low), high);
  return z;
}
