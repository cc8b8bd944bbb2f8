// Reads arrays of NumPy: .npy files, and .npz files of them that are not compressed.

import { BundleError } from "./bundle.js";

const MAGIC = [0x93, ..."NUMPY"].map((letter) => letter.charCodeAt?.(0) ?? letter);
const HEADER = /'descr': '([<|]\w\d)', 'fortran_order': False, 'shape': \(([\d, ]*)\)/;
const READ = {
  "<f4": [4, "getFloat32", Float32Array],
  "<i4": [4, "getInt32", Int32Array],
  "|u1": [1, "getUint8", Uint8Array],
};
// Of a ZIP archive: signatures, and lengths of what stands before names.
const [END, ENTRY] = [0x06054b50, 0x02014b50];
const [END_SIZE, ENTRY_SIZE, LOCAL_SIZE] = [22, 46, 30];

/**
 * Return the numbers of an .npy file, flat, and its shape.
 *
 * @param {Uint8Array} bytes
 * @param {string} name What the error calls it.
 * @returns {{shape: number[], values: Float32Array|Int32Array|Uint8Array}}
 */
export function parseNpy(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = bytes.length > 10 && MAGIC.every((letter, place) => bytes[place] === letter);
  const start = known ? 10 + view.getUint16(8, true) : 0;
  const [, dtype, sizes] = HEADER.exec(new TextDecoder().decode(bytes.subarray(0, start))) ?? [];
  const shape = (sizes ?? "")
    .split(",")
    .filter((size) => size.trim())
    .map(Number);
  const size = shape.reduce((product, length) => product * length, 1);
  const [width, read, Type] = READ[dtype] ?? [];
  if (!width || bytes.length !== start + width * size) {
    throw new BundleError(`${name} is damaged: it is no array of float32, int32 or uint8.`);
  }
  const values = Type.from({ length: size }, (_, place) => view[read](start + width * place, true));
  return { shape, values };
}

/**
 * Return the arrays of an .npz file by their names.
 *
 * @param {Uint8Array} bytes
 * @param {string} name What the error calls it.
 * @returns {Object<string, {shape: number[], values: Float32Array|Int32Array|Uint8Array}>}
 */
export function parseNpz(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = () => new BundleError(`${name} is damaged: it is no archive of arrays.`);
  const end = bytes.length - END_SIZE;
  try {
    if (view.getUint32(end, true) !== END) throw damaged();
    const arrays = {};
    let place = view.getUint32(end + 16, true);
    for (let left = view.getUint16(end + 10, true); left > 0; left--) {
      const compressed = view.getUint16(place + 10, true) !== 0;
      if (view.getUint32(place, true) !== ENTRY || compressed) throw damaged();
      const size = view.getUint32(place + 20, true);
      const [length, extra, comment] = [28, 30, 32].map((at) => view.getUint16(place + at, true));
      const local = view.getUint32(place + 42, true);
      const file = new TextDecoder().decode(bytes.subarray(place + ENTRY_SIZE).subarray(0, length));
      const before = view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const content = bytes.subarray(local + LOCAL_SIZE + before).subarray(0, size);
      arrays[file.replace(/\.npy$/, "")] = parseNpy(content, name);
      place += ENTRY_SIZE + length + extra + comment;
    }
    return arrays;
  } catch (error) {
    throw error instanceof RangeError ? damaged() : error;
  }
}
