// What was learned, as the file that Python's `Model.save` and C's `kvae_save` write: a line with the
// digest of the model file, the state in float32, and the SHA-256 of both.

import { BundleError } from "./bundle.js";

const DIGEST_BYTES = 32;

async function digestOf(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function headerOf(digest) {
  return new TextEncoder().encode(`kvae learned 1 ${digest}\n`);
}

/**
 * Return the bytes of the file.
 *
 * @param {Float32Array} state From `Model.state`.
 * @param {string} digest Of the model file.
 */
export async function learnedOf(state, digest) {
  const header = headerOf(digest);
  const bytes = new Uint8Array(header.length + 4 * state.length + DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(header);
  state.forEach((value, index) => view.setFloat32(header.length + 4 * index, value, true));
  const body = bytes.length - DIGEST_BYTES;
  bytes.set(await digestOf(bytes.subarray(0, body)), body);
  return bytes;
}

/**
 * Return the state that a file holds.
 *
 * @param {Uint8Array} bytes
 * @param {string} digest Of the model file.
 * @param {number} size Of the state.
 * @param {string} name What the error calls the file.
 * @throws {BundleError} If the file is damaged, belongs to another model file, or holds NaN.
 */
export async function stateOf(bytes, digest, size, name) {
  const body = bytes.length - DIGEST_BYTES;
  const found = body > 0 ? await digestOf(bytes.subarray(0, body)) : [];
  if (body <= 0 || found.some((byte, index) => byte !== bytes[body + index])) {
    throw new BundleError(`${name} is damaged, or is not what was saved for this model.`);
  }
  const header = headerOf(digest);
  const belongs = header.every((byte, index) => byte === bytes[index]);
  if (!belongs || body !== header.length + 4 * size) {
    throw new BundleError(`${name} belongs to another model file.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.length);
  const state = Float32Array.from({ length: size }, (_, index) => view.getFloat32(4 * index, true));
  if (!state.every(Number.isFinite)) throw new BundleError(`${name} holds NaN or infinity.`);
  return state;
}
