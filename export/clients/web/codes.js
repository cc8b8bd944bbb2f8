// The codes of the examples, by which the latent space is drawn as a map.

import { BundleError } from "./bundle.js";
import { parseNpy } from "./npy.js";

const FILE = "codes.npy";

/**
 * Return the codes that a bundle holds, null where it holds none.
 *
 * @param {{manifest: object, read: function(string): Promise<Uint8Array>}} bundle
 * @returns {Promise<?{count: number, size: number, values: Float32Array}>} `size` numbers for each code.
 */
export async function readCodes({ manifest, read }) {
  if (!manifest.codes) return null;
  const { shape, values } = parseNpy(await read(FILE), FILE);
  if (shape.length !== 2 || !(values instanceof Float32Array)) {
    throw new BundleError(`${FILE} is damaged: it is no table of float32 numbers.`);
  }
  const [count, size] = shape;
  return { count, size, values };
}
