// Where a file runs: by WebGPU where that computes what WebAssembly computes, else in WebAssembly.
//
// Both run the first row of each signature's golden vectors; the numbers of WebAssembly are those of Keras,
// which the export and the tests of the page have compared.

import { parseNpz } from "./npy.js";
import { short } from "./number.js";

const GOLDEN = "golden.npz";
const BUDGET = 1e-5;
// WGSL allows sine and cosine, of which normals and arcs are made, an absolute error of 2^-11; a normal
// multiplies it by up to sqrt(2 log 2^24).
const DRAWN_BUDGET = Math.sqrt(48 * Math.log(2)) * 2 ** -11;
const INT8 = ["int8", "int8-full"]; // presets whose products are in int8, beyond any budget of float32
const DRAWN = ["sample", "interpolate_spherical", "impute"];

/**
 * Return the model of a file where it shall run, and a sentence that says why there.
 *
 * @param {{manifest: object, read: function(string): Promise<Uint8Array>}} bundle From `openBundle`.
 * @param {function(string, object): Promise<Model>} load Compiles the file for "wasm" or "webgpu", from the
 *     bundle that it is given, which fetches a file once.
 * @param {object} gpu `navigator.gpu`, undefined where there is none.
 * @returns {Promise<{model: Model, why: string}>}
 */
export async function place(bundle, load, gpu = navigator.gpu) {
  const fetched = {};
  const read = (name) => (fetched[name] ??= bundle.read(name));
  const opened = { ...bundle, read };
  const model = await load("wasm", opened);
  if (model.training) return { model, why: "WebAssembly: this file trains its weights there" };
  if (INT8.includes(model.preset)) {
    return { model, why: "WebAssembly: this file computes in int8" };
  }
  if (!(await gpu?.requestAdapter().catch(() => null))) {
    return { model, why: "WebAssembly: this browser has no WebGPU on this device" };
  }
  let other;
  try {
    other = await load("webgpu", opened);
    if (other.accelerator !== "webgpu") {
      throw new Error("LiteRT.js cannot run all of this file by WebGPU");
    }
    const golden = parseNpz(await read(GOLDEN), GOLDEN);
    const error = await compared(model, other, golden);
    model.delete();
    return { model: other, why: `WebGPU: it differs from WebAssembly by at most ${error}` };
  } catch (error) {
    other?.delete();
    return { model, why: `WebAssembly: ${error.message ?? error}` };
  }
}

/** Return the greatest error; throw where one is above its budget or nothing can be compared. */
async function compared(model, other, golden) {
  let greatest = -1;
  for (const [signature, { inputs }] of Object.entries(model.signatures)) {
    const arrays = Object.keys(inputs).map((name) => [name, golden[`inputs/${signature}/${name}`]]);
    if (arrays.some(([, array]) => !array?.shape[0])) continue;
    const first = ({ shape: [rows], values }) => values.slice(0, values.length / rows);
    const row = Object.fromEntries(arrays.map(([name, array]) => [name, first(array)]));
    const expected = await model.run(signature, row);
    const found = await other.run(signature, row).catch((error) => {
      throw new Error(`WebGPU cannot run ${signature} here (${error.message ?? error})`);
    });
    const error = Math.max(
      ...Object.keys(expected).map((name) => far(found[name], expected[name])),
    );
    const budget = DRAWN.includes(signature) ? DRAWN_BUDGET : BUDGET;
    if (!(error <= budget)) {
      throw new Error(
        `WebGPU differs from it by ${short(error)} in ${signature}, more than ${short(budget)}`,
      );
    }
    greatest = Math.max(greatest, error);
  }
  if (greatest < 0) throw new Error("this bundle has no golden vectors to verify WebGPU with");
  return short(greatest);
}

/** Return the greatest difference, relative to the greatest expected number where that is above 1. */
function far(found, expected) {
  let [difference, largest] = [0, 1];
  expected.forEach((value, index) => {
    difference = Math.max(difference, Math.abs(found[index] - value));
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / largest;
}
