// The page: a bundle is opened, its latent axes become sliders, its other inputs (a condition) fields;
// every change is decoded at once.
//
// `?bundle=ADDRESS&preset=NAME&accelerator=webgpu` in the page's address says what to open, and where it
// runs; by default on the CPU.

import { openBundle } from "./bundle.js";
import { Picture } from "./picture.js";

const STEPS = 40; // pictures on the way from A to B
const element = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const query = new URLSearchParams(location.search);

let bundle, model, picture;
let z = [];
let axes = [];
let ends = { a: [], b: [] };

/** Say an error in words; without one, take the last one away. */
function say(error) {
  element("error").hidden = !error;
  element("error").textContent = error ? String(error.message ?? error) : "";
}

/** Run an action; whatever goes wrong in it is said on the page. */
async function attempt(action) {
  try {
    say(null);
    await action();
  } catch (error) {
    console.error(error);
    say(error);
  }
}

// The newest wish wins: while one is being decoded, those in between are passed over, so that the
// picture keeps up with a slider however slow the device is.
let busy = false;
let wish = null;

async function show(words, call) {
  wish = { words, call };
  if (busy) return;
  busy = true;
  element("view").ariaBusy = "true";
  try {
    while (wish) {
      const { words, call } = wish;
      wish = null;
      const start = performance.now();
      const values = await call();
      const milliseconds = performance.now() - start;
      const [low, high] = picture.paint(values).map((value) => value.toPrecision(3));
      element("shown").textContent = words;
      element("timing").textContent =
        `${milliseconds.toFixed(1)} ms, ${model.preset}, ${model.accelerator}, shades from ${low} to ${high}`;
    }
  } finally {
    busy = false;
    element("view").ariaBusy = "false";
  }
}

const showPoint = (words = "the point of the sliders") => show(words, () => model.decode(z, others()));

function showShare() {
  const t = Number(element("share").value);
  const arc = element("arc").checked;
  element("share-value").textContent = t.toFixed(2);
  const words = `${Math.round(100 * t)}% of the way from A to B${arc ? ", along the arc" : ""}`;
  return show(words, () => model.interpolate(ends.a, ends.b, t, arc, others()));
}

/** Return the inputs of decode besides z, as their fields say them. */
function others() {
  const fields = [...element("others").querySelectorAll("input")];
  return Object.fromEntries(fields.map(({ name, value }) => [name, value.split(",").map(Number)]));
}

/** Return numbers of a domain to begin with. */
function plainValues({ shape, domain }) {
  const row = (domain.columns.length ? domain.columns : [domain]).flatMap((part) => {
    const width = domain.columns.length ? (part.one_hot ? part.categories : 1) : (shape.at(-1) ?? 1);
    const value = clamp(0, part.low ?? -Infinity, part.high ?? Infinity);
    return Array.from({ length: width }, (_, place) => (part.one_hot ? Number(!place) : value));
  });
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  return Array.from({ length: rows }, () => row).flat();
}

function makeFields(names) {
  const fields = names.map((name) => {
    const described = bundle.manifest.model.inputs[name];
    const field = document.createElement("input");
    Object.assign(field, { id: `input-${name}`, name, value: plainValues(described).join(",") });
    field.title = described.domain.text;
    field.addEventListener("change", () => attempt(() => showPoint()));
    const label = document.createElement("label");
    label.append(`${name} `, field);
    return label;
  });
  element("others").replaceChildren(...fields);
  element("others-set").hidden = !fields.length;
}

/** Give the sliders the values of z. A draw may lie outside a slider's range: its number tells. */
function tellSliders() {
  for (const { index } of axes) {
    element(`axis-${index}`).value = z[index];
    element(`axis-${index}-value`).textContent = z[index].toFixed(2);
  }
}

function makeSliders() {
  const rows = axes.map(({ index, share, low, high }) => {
    const row = document.createElement("label");
    row.className = "axis";
    const name = document.createElement("span");
    name.textContent = `Axis ${index} `;
    const percent = document.createElement("span");
    percent.className = "quiet";
    percent.textContent = share === null ? "" : `${(100 * share).toFixed(1)}%`;
    name.append(percent);
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", id: `axis-${index}`, min: low, max: high, step: "any" });
    slider.addEventListener("input", () =>
      attempt(() => {
        z[index] = Number(slider.value);
        output.textContent = z[index].toFixed(2);
        return showPoint();
      }),
    );
    const output = document.createElement("output");
    output.id = `axis-${index}-value`;
    output.htmlFor = slider.id;
    row.append(name, slider, output);
    return row;
  });
  element("axes").replaceChildren(...rows);
}

function centre() {
  z = new Array(bundle.manifest.model.latent_dim).fill(0);
  for (const { index, low, high } of axes) z[index] = clamp(0, low, high);
  tellSliders();
}

async function sample() {
  const seed = Number(element("seed").value);
  await show(`draw ${seed} from the prior`, async () => {
    const { decoded, z: drawn } = await model.sample(seed, 0, others());
    z = Array.from(drawn);
    tellSliders();
    return decoded;
  });
}

async function interpolate() {
  // Who asked for less motion gets a few pictures instead of a film.
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const steps = still ? 4 : STEPS;
  for (let step = 0; step <= steps; step++) {
    element("share").value = step / steps;
    await showShare();
    await new Promise((resolve) => setTimeout(resolve, still ? 600 : 40));
  }
}

function keep(end) {
  ends[end] = [...z];
  element("shown").textContent = `kept as ${end.toUpperCase()}`;
}

/** Compile the chosen file of the open bundle and show the controls that it can serve. */
async function load(preset) {
  // Loaded here, so that a missing LiteRT.js is an error in words too.
  const { Model, presetsOf } = await import("./model.js").catch((error) => {
    throw new Error(
      `LiteRT.js is missing: run 'npm install' in the folder of this page. (${error.message})`,
    );
  });
  const loaded = await Model.load(bundle, preset, query.get("accelerator"));
  const { inputs: described, latent_dim: size } = bundle.manifest.model;
  const inputs = Object.keys(loaded.signatures.decode?.inputs ?? {});
  const names = inputs.filter((name) => name !== "z");
  if (!size || !inputs.includes("z") || !names.every((name) => name in described)) {
    loaded.delete();
    const found = inputs.join(", ") || "none";
    throw new Error(`Expected a model whose decode takes one latent vector z. Received: ${found}`);
  }
  if (!model || model.manifest !== bundle.manifest) makeFields(names);
  model?.delete();
  model = loaded;
  const options = presetsOf(bundle.manifest).map((name) => new Option(name));
  element("preset").replaceChildren(...options);
  element("preset").value = model.preset;
  element("sampling").hidden = !model.has("sample");
  element("interpolating").hidden = !model.has("interpolate");
  element("arc-label").hidden = !model.has("interpolate_spherical");
}

async function open(address, preset) {
  element("workbench").hidden = element("precision").hidden = true;
  element("loading").hidden = false;
  try {
    bundle = await openBundle(address);
    await load(preset);
    const { event_shape: shape, inputs, latent_dim: size } = bundle.manifest.model;
    picture = new Picture(element("picture"), shape, inputs.x?.domain ?? { low: null, high: null });
    axes = bundle.manifest.axes;
    if (!axes.length) {
      // Nothing is known of them; the prior of most models is a standard normal.
      axes = Array.from({ length: size }, (_, index) => ({ index, share: null, low: -3, high: 3 }));
    }
    makeSliders();
    centre();
    ends = { a: [...z], b: [...z] };
    if (model.has("sample")) {
      const drawn = async (seed) => Array.from((await model.sample(seed, 0, others())).z);
      ends = { a: await drawn(1), b: await drawn(2) };
    }
    element("workbench").hidden = element("precision").hidden = false;
    await showPoint();
  } finally {
    element("loading").hidden = true;
  }
}

const on = (id, event, action) => element(id).addEventListener(event, () => attempt(action));

on("sample", "click", sample);
on("next", "click", () => {
  element("seed").value = Number(element("seed").value) + 1;
  return sample();
});
on("interpolate", "click", interpolate);
on("share", "input", showShare);
on("arc", "change", showShare);
on("keep-a", "click", () => keep("a"));
on("keep-b", "click", () => keep("b"));
on("centre", "click", () => {
  centre();
  return showPoint();
});
on("preset", "change", async () => {
  await load(element("preset").value);
  await showPoint();
});
element("open").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => open(element("address").value));
});

element("address").value = query.get("bundle") ?? element("address").value;
attempt(() => open(element("address").value, query.get("preset")));
