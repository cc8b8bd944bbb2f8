// The page: a bundle is opened, shown, explored and used to judge data.
//
// `?bundle=ADDRESS&preset=NAME&accelerator=webgpu` in the page's address says what to open, and where it
// runs; by default by WebGPU where that is verified, else on the CPU. `seed=7` or `z=0.1,...` and other inputs by name say which point is shown.

import { nameOf, tellAbout } from "./about.js";
import { NoBundleError, openBundle } from "./bundle.js";
import { readCodes } from "./codes.js";
import { Compare } from "./compare.js";
import { Explore } from "./explore.js";
import { Fields } from "./fields.js";
import { Judge } from "./judge.js";
import { Kind } from "./kind.js";
import { Learn } from "./learn.js";
import { Newest } from "./newest.js";
import { bytes } from "./number.js";
import { Tabs } from "./tabs.js";

const element = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

let bundle, codes, fields, kind, model;
const choices = new Newest(); // of a bundle or a file
const retired = []; // models to free once nothing calls them

/** Show an error as a sentence; without one, take the last one away. */
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

/** Return the inputs beside the example that a signature takes. */
function others(signature) {
  const taken = model.signatures[signature].inputs;
  return Object.fromEntries(Object.entries(fields.values).filter(([name]) => name in taken));
}

const explore = new Explore(attempt);
const judge = new Judge({ attempt, shown: () => explore.values, others });
const learn = new Learn({
  attempt,
  others: () => others("score"),
  changed: async () => {
    if (explore.hasDraws) await explore.again(false);
    await judge.again();
  },
});
const compare = new Compare(attempt, explore);
const tabs = new Tabs(element("tabs"));

/** Compile a file of a bundle, and show the controls that it can serve, unless a newer choice begins. */
async function load(opened, address, preset, stale) {
  // Loaded here, so that a missing LiteRT.js is an error in words too.
  const { Model, presetsOf } = await import("./model.js").catch((error) => {
    throw new Error(
      `LiteRT.js is missing: start the page by 'kvae web', or run 'npm install' in its folder. (${error.message})`,
    );
  });
  if (stale()) return;
  const { manifest } = opened;
  offerPresets(manifest, presetsOf(manifest), preset); // where this file is damaged, another may be intact
  const loaded = await Model.verified(opened, preset, query.get("accelerator"));
  const known = model?.manifest === manifest;
  const read = known ? codes : await readCodes(opened);
  if (stale()) {
    loaded.delete();
    return;
  }
  [bundle, codes] = [opened, read];
  if (!known) {
    kind = new Kind(manifest);
    const inputs = Object.values(loaded.signatures).flatMap((signature) =>
      Object.keys(signature.inputs),
    );
    fields = new Fields(element("others"), manifest.model.inputs, [...new Set(inputs)], () =>
      attempt(async () => {
        if (explore.hasDraws) await explore.again();
        await judge.again();
      }),
    );
  }
  if (model) retired.push(model);
  model = loaded;
  await learn.use(model, kind, bundle);
  if (stale()) return;
  element("runs").textContent = `${model.why}.`;
  explore.use(model, kind, fields, nameOf(address, manifest), codes);
  if (!explore.hasDraws && !model.has("score")) {
    throw new Error(
      `Expected a model that can be drawn from, decoded or scored. Received the signatures: ${Object.keys(model.signatures).join(", ")}`,
    );
  }
  for (const id of ["view", "judge-shown"]) element(id).hidden = !explore.hasDraws;
  tabs.offer({
    "tab-explore": explore.hasDraws,
    "tab-judge": model.has("score") || model.has("reconstruct"),
    "tab-learn": Learn.can(model),
  });
  const judged = judge.use(model, kind);
  const compared = compare.use(model, kind, bundle, [
    ...[...element("preset").options]
      .filter(({ value }) => value !== model.preset)
      .map(({ text, value }) => ({ text, preset: value, address: null })),
    ...[...element("bundle").options]
      .filter(({ value }) => value !== address)
      .map(({ text, value }) => ({ text, preset: null, address: value })),
  ]);
  for (const before of retired.splice(0)) before.delete(); // nothing calls them any more
  await Promise.all([judged, compared]);
}

/** Offer the files of a bundle, and choose one, the first by default. */
function offerPresets({ artefacts }, presets, chosen) {
  const sizes = Object.fromEntries(artefacts.map((file) => [file.preset, file.size_bytes]));
  const options = presets.map((name) => new Option(`${name}, ${bytes(sizes[name])}`, name));
  element("preset").replaceChildren(...options);
  element("preset").value = chosen || presets[0];
}

async function open(address, preset, parameters) {
  const stale = choices.next();
  element("workbench").hidden = true;
  element("preset").replaceChildren();
  element("loading").hidden = false;
  try {
    const opened = await openBundle(address).catch((error) => {
      const others = [...element("bundle").options].filter(({ value }) => value !== address);
      if (!(error instanceof NoBundleError) || !others.length) throw error;
      const names = others.map(({ text }) => text).join(", ");
      throw new Error(`${error.message} The menu Model has ${names}.`);
    });
    if (stale()) return;
    await load(opened, address, preset, stale);
    if (stale()) return;
    tellAbout(address, opened.manifest);
    element("workbench").hidden = false;
    tabs.offer({ "tab-compare": compare.hasChoices });
    tabs.open(explore.hasDraws ? "tab-explore" : "tab-judge");
    if (explore.hasDraws) await explore.start(parameters);
  } catch (error) {
    if (!stale()) throw error;
  } finally {
    if (!stale()) element("loading").hidden = true;
  }
}

/** Show another file of the open bundle. */
async function change(preset) {
  const stale = choices.next();
  try {
    await load(bundle, element("bundle").value, preset, stale);
    if (stale()) return;
    remember("preset", model.preset);
    if (explore.hasDraws) await explore.again(false);
  } catch (error) {
    if (!stale()) throw error;
  } finally {
    if (!stale()) element("loading").hidden = true;
  }
}

/** Return the addresses of the page's bundles. */
function ofPage() {
  return document.querySelector("meta[name=bundles]").content.split(" ");
}

/** Offer the bundles of the page, and the one that the address names. */
function offerBundles() {
  const own = ofPage();
  const chosen = query.get("bundle") ?? own[0];
  const addresses = [...new Set([...own, chosen])];
  const menu = element("bundle");
  menu.append(
    ...addresses.map(
      (address) => new Option(nameOf(address, { model: { name: "bundle" } }), address),
    ),
  );
  menu.value = chosen;
  element("bundle-label").hidden = addresses.length < 2;
  return chosen;
}

/** Write a parameter into the address. */
function remember(name, value, forget = []) {
  const parameters = new URLSearchParams(location.search);
  for (const old of forget) parameters.delete(old);
  parameters.set(name, value);
  history.replaceState(null, "", `?${String(parameters).replaceAll("%2C", ",")}`);
  return parameters;
}

element("bundle").addEventListener("change", () => {
  const address = element("bundle").value;
  const own = ["preset", "seed", "z", ...Object.keys(fields?.values ?? {})];
  attempt(() => open(address, null, remember("bundle", address, own)));
});
element("preset").addEventListener("change", () => {
  const preset = element("preset").value;
  attempt(() =>
    element("workbench").hidden // the file before could not be opened
      ? open(element("bundle").value, preset, remember("preset", preset))
      : change(preset),
  );
});
element("share-link").addEventListener("click", () =>
  attempt(async () => {
    await explore.remember();
    await navigator.clipboard.writeText(location.href);
    element("said").textContent = "The link is copied.";
  }),
);

attempt(() => open(offerBundles(), query.get("preset"), query));
