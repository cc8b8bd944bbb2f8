// The codes of the examples, by which the latent space is drawn as a map.

import { BundleError } from "./bundle.js";

const FILE = "codes.npy";
const MAGIC = [0x93, ..."NUMPY"].map((letter) => letter.charCodeAt?.(0) ?? letter);
const HEADER = /'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)/;

/**
 * Return the codes that a bundle holds, null where it holds none.
 *
 * @param {{manifest: object, read: function(string): Promise<Uint8Array>}} bundle
 * @returns {Promise<?{count: number, size: number, values: Float32Array}>} `size` numbers for each code.
 */
export async function readCodes({ manifest, read }) {
  return manifest.codes ? parse(await read(FILE)) : null;
}

/** Return the codes of an .npy file of float32 numbers. */
function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = bytes.length > 10 && MAGIC.every((letter, place) => bytes[place] === letter);
  const start = known ? 10 + view.getUint16(8, true) : 0;
  const [, count, size] = HEADER.exec(new TextDecoder().decode(bytes.subarray(0, start))) ?? [];
  if (!count || bytes.length !== start + 4 * count * size) {
    throw new BundleError(`${FILE} is damaged: it is no table of float32 numbers.`);
  }
  const values = Float32Array.from({ length: count * size }, (_, place) =>
    view.getFloat32(start + 4 * place, true),
  );
  return { count: Number(count), size: Number(size), values };
}
