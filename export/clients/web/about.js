// What the manifest says of the model: its name, its training data, its state of health, its files.

import { bytes, plain } from "./number.js";

const element = (id) => document.getElementById(id);
const FACTS = {
  description: "Description",
  training_data: "Trained on",
  preprocessing: "Preprocessing",
  author: "Author",
  licence: "Licence",
};

/** Return the name of a bundle: that of its folder, or where that says nothing that of the model. */
export function nameOf(address, manifest) {
  const folder = decodeURIComponent(address.replace(/\/+$/, "").split("/").at(-1) ?? "");
  return folder && folder !== "bundle" ? folder : manifest.model.name;
}

/** Show what is said of a model at the head of the page and in its own panel. */
export function tellAbout(address, manifest) {
  const name = nameOf(address, manifest);
  element("name").textContent = name;
  document.title = `${name} – kvae`;
  element("description").textContent = manifest.description || fallback(manifest);
  element("trained").textContent = manifest.training_data
    ? `Trained on: ${manifest.training_data}`
    : "What it was trained on is not said.";
  tellHealth(manifest.diagnosis);
  const { model, examples } = manifest;
  const facts = [
    ...Object.entries(FACTS).map(([key, label]) => [label, manifest[key]]),
    ["Exported", manifest.date.slice(0, 10)],
    ["Likelihood", model.likelihood],
    ["Latent variables", latents(model)],
    ["Examples", `${examples.count} ${examples.source === "given" ? "examples" : "prior draws"}`],
    ["Made by", `kvae ${manifest.kvae}`],
  ];
  const list = facts
    .filter(([, value]) => value)
    .flatMap(([label, value]) => [made("dt", label), made("dd", value)]);
  element("facts").replaceChildren(...list);
  element("files").replaceChildren(...manifest.artefacts.map((file) => fileRow(file, manifest)));
}

/** Return what is said of a model without a description. */
export function fallback({ model }) {
  const [height, width, channels] = model.event_shape;
  const colours = { 1: "grey pictures", 3: "colour pictures" }[channels];
  const examples = colours
    ? `${colours} of ${width} × ${height} pixels`
    : `examples of ${model.event_shape.join(" × ")}`;
  return `A variational autoencoder of ${examples}.`;
}

function latents({ latents: groups }) {
  return Object.entries(groups)
    .map(([name, { shape, kind }]) => `${name}: ${shape.join(" × ")}, ${kind}`)
    .join("; ");
}

function tellHealth(diagnosis) {
  const badge = element("health");
  const list = element("findings");
  badge.hidden = false;
  if (!diagnosis) {
    badge.textContent = "not diagnosed";
    badge.className = "badge unknown";
    element("advice").textContent = "Export the bundle with --data to diagnose its latent space.";
    list.replaceChildren();
    return;
  }
  const { state, certain, advice, evidence } = diagnosis.verdict;
  const words = state.replaceAll("_", " ");
  badge.textContent = certain ? words : `probably ${words}`;
  badge.className = `badge ${state === "healthy" ? "good" : "bad"}`;
  element("advice").textContent = advice;
  const findings = diagnosis.findings.map(({ sentence, advice: what }) => `${sentence}. ${what}`);
  list.replaceChildren(...[...evidence, ...findings].map((text) => made("li", text)));
}

function fileRow(file, { devices, model }) {
  const row = document.createElement("tr");
  const measured = devices[0]?.files.find(({ preset }) => preset === file.preset)?.latency ?? [];
  const time = measured.find(({ signature, threads }) => signature === "decode" && threads === 1);
  const psnr = (file.measured.decode ?? file.measured.reconstruct)?.[model.decoded]?.psnr;
  const head = made("th", file.preset);
  head.scope = "row";
  row.append(
    head,
    made("td", bytes(file.size_bytes)),
    made("td", psnr ? `${plain(psnr, 2)} dB` : ""),
    made("td", time ? `${plain(time.p50_ms, 2)} ms` : ""),
  );
  return row;
}

function made(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}
