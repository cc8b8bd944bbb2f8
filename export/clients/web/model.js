// Runs a bundle's .tflite file by LiteRT.js, one row at a time: on the CPU in WebAssembly, or by
// WebGPU where that is asked for.
//
// The page's import map says where @litertjs/core lies; its WebAssembly files lie beside it. The numbers of
// WebGPU differ between devices: `Model.verified` compares them first.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

import { place } from "./accelerator.js";
import { decide } from "./decision.js";
import { checkDomain, checkFinite } from "./domain.js";

const WASM = new URL("../wasm/", import.meta.resolve("@litertjs/core")).href;
const ACCELERATORS = ["wasm", "webgpu"];
const NAMES = { wasm: "WebAssembly", webgpu: "WebGPU" };
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

let runtime; // LiteRT.js loads once for a page

function start() {
  runtime ??= loadLiteRt(WASM).catch((error) => {
    runtime = undefined;
    throw new Error(`LiteRT.js does not start from ${WASM}: ${error.message ?? "not found"}`);
  });
  return runtime;
}

/** Return the presets of a bundle that this page can run, the manifest's default first. */
export function presetsOf(manifest) {
  const found = manifest.artefacts.filter((artefact) => artefact.format === "tflite");
  const names = found.map((artefact) => artefact.preset);
  return [manifest.default_preset, ...names.filter((name) => name !== manifest.default_preset)];
}

export class Model {
  #compiled;
  #described; // inputs and outputs of every signature, those that train included
  #last = Promise.resolve(); // of the calls of `run` and `shipped`, which take turns

  /** The threshold of this device in the place of the bundle's: as `calibration` in the manifest. */
  ownCalibration = null;

  /** Use `Model.load`. */
  constructor(manifest, artefact, compiled) {
    this.manifest = manifest;
    this.preset = artefact.preset;
    this.file = artefact.file;
    this.signatures = artefact.signatures;
    /** How the file trains its weights; null where it does not. */
    this.training = artefact.training ?? null;
    this.#described = { ...artefact.signatures, ...this.training?.signatures };
    /** "wasm" also where LiteRT.js could not run the whole file by WebGPU and fell back. */
    this.accelerator = compiled.options.accelerator;
    this.where = NAMES[this.accelerator];
    this.#compiled = compiled;
  }

  /**
   * Compile one file of a bundle.
   *
   * @param {{manifest: object, read: function(string): Promise<Uint8Array>}} bundle From
   *     `openBundle`.
   * @param {string} [preset] Which file; by default the one that the manifest names.
   * @param {string} [accelerator] "wasm" or "webgpu", which computes in float32 as well.
   * @returns {Promise<Model>}
   */
  static async load({ manifest, read }, preset, accelerator) {
    const presets = presetsOf(manifest);
    const wanted = preset || presets[0];
    if (!presets.includes(wanted)) {
      throw new Error(`Expected preset to be one of ${presets.join(", ")}. Received: ${wanted}`);
    }
    const artefact = manifest.artefacts.find(
      (candidate) => candidate.format === "tflite" && candidate.preset === wanted,
    );
    const options = { accelerator: accelerator || "wasm", gpuOptions: { precision: "fp32" } };
    if (!ACCELERATORS.includes(options.accelerator)) {
      const names = ACCELERATORS.join(", ");
      throw new Error(`Expected accelerator to be one of ${names}. Received: ${accelerator}`);
    }
    if (options.accelerator === "webgpu" && !(await navigator.gpu?.requestAdapter())) {
      throw new Error("This browser has no WebGPU on this device. Use the accelerator wasm.");
    }
    await start();
    const content = await read(artefact.file);
    return new Model(manifest, artefact, await loadAndCompile(content, options));
  }

  /**
   * Compile one file of a bundle for WebGPU where that passes its verification on the golden vectors, else
   * for WebAssembly; `why` of the model says in a sentence which, and why.
   *
   * @param {object} bundle As in `load`.
   * @param {string} [preset] As in `load`.
   * @param {string} [accelerator] Where one is given, nothing is compared.
   * @returns {Promise<Model>}
   */
  static async verified(bundle, preset, accelerator) {
    if (accelerator) {
      const asked = await Model.load(bundle, preset, accelerator);
      asked.why = `${asked.where}: the address of the page asks for ${NAMES[accelerator]}`;
      return asked;
    }
    const { model, why } = await place(bundle, (name, opened) => Model.load(opened, preset, name));
    model.why = why;
    return model;
  }

  /** Free the memory, which JavaScript's garbage collector does not see, after the calls so far. */
  delete() {
    this.#last = this.#last.then(() => this.#compiled.delete());
  }

  /** Return whether the file has a signature. */
  has(signature) {
    return signature in this.signatures;
  }

  /**
   * Run a signature on one row.
   *
   * @param {string} signature One of `signatures`.
   * @param {Object<string, ArrayLike<number>>} inputs The numbers of each input, flat.
   * @param {boolean} [finite] Whether an output that is not finite is an error.
   * @returns {Promise<Object<string, Float32Array>>} The numbers of each output, flat.
   */
  run(signature, inputs, finite = true) {
    return this.#turn(() => this.#run(signature, inputs, finite));
  }

  #turn(action) {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }

  async #run(signature, inputs, finite) {
    if (!(signature in this.#described)) {
      const names = Object.keys(this.signatures).join(", ");
      throw new Error(`Expected signature to be one of ${names}. Received: ${signature}`);
    }
    const expected = this.#described[signature].inputs;
    const names = Object.keys(expected).sort().join(", ");
    const received = Object.keys(inputs).sort().join(", ");
    if (names !== received) {
      throw new Error(`Expected ${signature} to get ${names}. Received: ${received}`);
    }
    const described = this.manifest.model.inputs;
    for (const name of Object.keys(expected).filter((candidate) => candidate in described)) {
      const { domain, shape } = described[name];
      checkDomain(inputs[name], domain, shape.at(-1) ?? 1, name);
    }
    const tensors = {};
    let outputs = {};
    try {
      for (const [name, { shape, dtype }] of Object.entries(expected)) {
        const missing = described[name]?.domain.missing;
        tensors[name] = tensorOf(name, inputs[name], shape, dtype, missing);
      }
      outputs = await this.#compiled.run(signature, tensors);
      const results = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        results[name] = Float32Array.from(await tensor.data());
        if (finite && !results[name].every(Number.isFinite)) {
          throw new Error(
            `The output ${name} of ${signature} is NaN or infinite: the inputs are beyond what the ` +
              `preset '${this.preset}' can compute.`,
          );
        }
      }
      return results;
    } finally {
      for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) {
        tensor.delete();
      }
    }
  }

  /**
   * Throw unless the numbers of an input of the model, rows of events, are in its domain and finite.
   *
   * @param {string} name
   * @param {ArrayLike<number>} values
   */
  check(name, values) {
    const described = this.manifest.model.inputs[name];
    if (described) checkDomain(values, described.domain, described.shape.at(-1) ?? 1, name);
    else checkFinite(values, name);
  }

  /**
   * Return the likelihood's mean (its median, where a transform leaves no mean) at `z`, flat.
   *
   * @param {ArrayLike<number>} z
   * @param {Object<string, ArrayLike<number>>} [others] Other inputs of the signature by name, such
   *     as {condition: [3]}; as for the next two.
   */
  async decode(z, others = {}) {
    return this.#decoded(await this.run("decode", { z, ...others }));
  }

  /**
   * Return a draw from the prior, the same for a seed on every device: `decoded`, and its latent
   * variables by name, such as `z`.
   */
  async sample(seed, row = 0, others = {}) {
    const outputs = await this.run("sample", { seed: [row, seed], ...others });
    return { ...outputs, decoded: this.#decoded(outputs) };
  }

  /** Return what is decoded at share `t` of the way from `a` to `b`, straight or along the arc. */
  async interpolate(a, b, t, spherical = false, others = {}) {
    const signature = spherical ? "interpolate_spherical" : "interpolate";
    return this.#decoded(await this.run(signature, { z_a: a, z_b: b, t: [t], ...others }));
  }

  /** Return what the model makes of `x` at the point of its posterior, flat. */
  async reconstruct(x, others = {}) {
    return this.#decoded(await this.run("reconstruct", { x, ...others }));
  }

  /**
   * Return `x` with an estimate in the place of what is missing, flat.
   *
   * @param {ArrayLike<number>} x NaN where a number is missing.
   * @param {number} [row] Of the example among others: with it `VAE.impute(examples, seed=0)` draws.
   * @param {Object<string, ArrayLike<number>>} [others] See `decode`.
   */
  async impute(x, row = 0, others = {}) {
    return (await this.run("impute", { x, seed: [row, 0], ...others })).imputed;
  }

  /** Return the anomaly score of `x` in nats. */
  async score(x, others = {}) {
    return (await this.run("score", { x, ...others })).score[0];
  }

  /**
   * Return `score`, `p_value` and `is_anomaly` of `x`, by the threshold of the preset; where the
   * bundle was written with calibration rows.
   */
  async detect(x, others = {}) {
    const score = await this.score(x, others);
    return { score, ...this.decide(score) };
  }

  /** Return `p_value` and `is_anomaly` of a score, see `detect`. */
  decide(score) {
    if (!this.calibration) {
      throw new Error("Expected a bundle with thresholds, written with calibration rows.");
    }
    return decide(score, this.calibration);
  }

  /** Return what `take` takes: the weights that the file trains, and the optimizer's numbers. */
  async state() {
    return (await this.run("save", {})).state;
  }

  /** Take what `state` returned. */
  async take(state) {
    await this.run("restore", { state });
  }

  /** Put the shipped weights back. */
  async reset() {
    await this.run("reset", {});
  }

  /**
   * Return what an action finds with the shipped weights; what was learned is back after it. All is one turn
   * of the model: other calls wait, and compute with what was learned.
   *
   * @param {function(function(string, object): Promise<object>): Promise} action Gets a `run` of its own,
   *     whose outputs may be not finite; the model's would wait for the action itself.
   */
  shipped(action) {
    return this.#turn(async () => {
      const { state } = await this.#run("save", {}, true);
      try {
        await this.#run("reset", {}, true);
        return await action((signature, inputs) => this.#run(signature, inputs, false));
      } finally {
        await this.#run("restore", { state }, true);
      }
    });
  }

  /** The device's own threshold, or the one of the preset; undefined where there is none. */
  get calibration() {
    if (this.ownCalibration) return this.ownCalibration;
    const artefact = this.manifest.artefacts.find(({ preset }) => preset === this.preset);
    return artefact.calibration;
  }

  #decoded(outputs) {
    return outputs[this.manifest.model.decoded];
  }
}

function tensorOf(name, values, shape, dtype, missing = false) {
  const size = shape.reduce((product, length) => product * length, 1);
  if (!(dtype in ARRAYS)) {
    throw new Error(`Expected ${name} to be float32, int32 or uint8. Received: ${dtype}`);
  }
  if (values.length !== size) {
    throw new Error(`Expected ${name} to hold ${size} numbers. Received: ${values.length}`);
  }
  const array = ARRAYS[dtype].from(values);
  checkFinite(array, name, missing);
  if (dtype !== "float32" && array.some((value, index) => value !== values[index])) {
    const kind = dtype === "int32" ? "whole numbers of 32 bits" : "whole numbers in [0, 255]";
    throw new Error(`Expected ${name} to be ${kind}. Received: ${values}`);
  }
  return new Tensor(array, shape);
}
