// Shows what another file of the bundle, or another bundle, makes of the point that is shown.

import { openBundle } from "./bundle.js";
import { Latest } from "./latest.js";
import { line } from "./line.js";
import { bytes, plain } from "./number.js";
import { panels } from "./panels.js";

const element = (id) => document.getElementById(id);
const TIMES = 20; // calls whose median is told

export class Compare {
  #attempt;
  #bundle;
  #choices = [];
  #explore;
  #kind;
  #latest = new Latest((busy) => {
    element("compared").ariaBusy = String(busy);
  });
  #models = []; // that of the page, and the other one
  #paint;
  #times = [[], []];

  /**
   * @param {function(function)} attempt Runs an action and reports its error on the page.
   * @param {Explore} explore What shows the point.
   */
  constructor(attempt, explore) {
    [this.#attempt, this.#explore] = [attempt, explore];
    element("other").addEventListener("change", () => attempt(() => this.#load()));
    element("compare").addEventListener("opened", () => attempt(() => this.#load()));
    element("view").addEventListener("shown", () => this.#show());
  }

  /** Whether there is anything to compare with. */
  get hasChoices() {
    return this.#choices.length > 0 && this.#explore.hasDraws;
  }

  /**
   * Take a model with what it can be compared with.
   *
   * @param {Model} model
   * @param {Kind} kind
   * @param {object} bundle That the model is from.
   * @param {{text: string, preset: ?string, address: ?string}[]} choices Other files of the bundle by their
   *     preset, other bundles by their address.
   */
  use(model, kind, bundle, choices) {
    this.#free();
    const same = bundle === this.#bundle;
    const before = same ? element("other").value : null; // another bundle may not fit to it
    [this.#models, this.#kind, this.#bundle, this.#choices] = [[model], kind, bundle, choices];
    const options = choices.map(({ text }) => new Option(text, text));
    // None of the other bundles is opened before it is asked for.
    if (!choices[0]?.preset) options.unshift(new Option("…", ""));
    element("other").replaceChildren(...options);
    if (choices.some(({ text }) => text === before)) element("other").value = before;
    return same && !element("compare").hidden ? this.#load() : null; // a bundle opens on another tab
  }

  /** Show what is chosen; why that cannot be compared is said on the tab, and stops nothing else. */
  async #load() {
    this.#free();
    element("comparison").hidden = true;
    element("compare-error").hidden = true;
    const chosen = this.#choices.find(({ text }) => text === element("other").value);
    if (!chosen) return;
    const [own] = this.#models;
    try {
      await this.#open(chosen, own);
    } catch (error) {
      if (!this.#asks(chosen, own)) return;
      console.error(error);
      element("compare-error").textContent = String(error.message ?? error);
      element("compare-error").hidden = false;
    }
  }

  /** Whether nothing else was chosen meanwhile. */
  #asks({ text }, own) {
    return own === this.#models[0] && element("other").value === text;
  }

  async #open(chosen, own) {
    const { preset, address, text } = chosen;
    const bundle = address ? await openBundle(address) : this.#bundle;
    check(own.manifest, bundle.manifest);
    const { Model } = await import("./model.js");
    const model = await Model.load(bundle, preset, own.accelerator);
    if (!this.#asks(chosen, own)) {
      model.delete();
      return;
    }
    this.#free(); // of two loads of one choice the later one counts
    this.#models = [own, model];
    this.#times = [[], []];
    const words = { one: own.preset, other: text, said: ["As the page shows it", `By ${text}`] };
    this.#paint = panels(element("compared"), this.#kind, words);
    element("compared-names").replaceChildren(
      document.createElement("td"),
      ...[own.preset, text].map((name) =>
        Object.assign(document.createElement("th"), { textContent: name, scope: "col" }),
      ),
    );
    element("comparison").hidden = false;
    await this.#show();
  }

  #free() {
    this.#models[1]?.delete();
    this.#models = this.#models.slice(0, 1);
  }

  #show() {
    if (this.#models.length < 2) return null;
    return this.#attempt(() => this.#latest.run((newer) => this.#both(newer)));
  }

  async #both(newer) {
    const models = this.#models;
    const found = [];
    for (const [place, model] of models.entries()) {
      const start = performance.now();
      found.push(await this.#explore.shownBy(model));
      this.#times[place] = [...this.#times[place], performance.now() - start].slice(-TIMES);
      if (newer() || models !== this.#models) return;
    }
    for (const values of found) this.#kind.scale.grow(values);
    this.#paint(...found, null);
    const [one, other] = found;
    const left = Array.from(one, (value, index) => Math.abs(value - other[index]));
    const most = left.reduce((greatest, value) => Math.max(greatest, value), 0);
    const square = left.reduce((sum, value) => sum + value * value, 0) / left.length;
    element("compared-words").textContent =
      `The largest difference is ${plain(most)}, its root mean square ${plain(Math.sqrt(square))}.`;
    const sizes = models.map(({ manifest, preset }) => {
      const file = manifest.artefacts.find((artefact) => artefact.preset === preset);
      return bytes(file.size_bytes);
    });
    const times = this.#times.map((each) => `${plain(median(each))} ms`);
    element("compared-facts").replaceChildren(line("Size", sizes), line("Time of a call", times));
  }
}

/** Throw unless both models decode the same latent variables to examples of the same shape. */
function check(own, other) {
  const told = ({ model }) => {
    const groups = Object.values(model.latents).map(({ shape }) => shape.join(" × "));
    return `examples of ${model.event_shape.join(" × ")} from ${groups.join(", ")} latent variables`;
  };
  if (told(own) !== told(other)) {
    throw new Error(`Expected a model of ${told(own)}. Received: one of ${told(other)}`);
  }
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
