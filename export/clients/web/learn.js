// The tab on which a file that trains its weights learns what is normal here.

import { adapt, GUARD, guardOf } from "./adapt.js";
import { calibrationOf, leastOf } from "./decision.js";
import { keepFile } from "./download.js";
import { factsOf } from "./facts.js";
import { forget, keep, kept } from "./kept.js";
import { learnedOf, stateOf } from "./learned.js";
import { line } from "./line.js";
import { drawLosses } from "./losses.js";
import { Newest } from "./newest.js";
import { plain } from "./number.js";
import { pauses } from "./pauses.js";
import { acceptedBy, sourceOf, suffixesOf } from "./source.js";

const element = (id) => document.getElementById(id);
const HELD_BACK = 0.25; // of the examples: they are not learned, and tell what learning brings
const MOST_HELD_BACK = 1000;
const NO_OWN = "There is no threshold of its own: learn here to set one";
const RATE = 0.01; // of false alarms, where the bundle names none

export class Learn {
  #bundle;
  #digest;
  #files = new Newest();
  #forgotten = null;
  #going = false; // whether it trains or scores, until that is stopped
  #kind;
  #learned = new Map(); // by digest: what was learned since the page was opened
  #losses = [];
  #model;
  #on;
  #own = null; // the threshold of the examples that were held back
  #parts = null; // {learned, held, words} of the file

  /**
   * @param {{attempt: function, others: function(): object, changed: function(): Promise}} on What the
   *     page does for it; `changed` is called after the weights or the threshold are others.
   */
  constructor(on) {
    this.#on = on;
    const listen = (id, event, action) =>
      element(id).addEventListener(event, () => on.attempt(() => action.call(this)));
    listen("learn-file", "change", this.#open);
    listen("learn-start", "click", this.#start);
    element("learn-stop").addEventListener("click", () => {
      this.#going = false;
    });
    listen("learn-own", "change", this.#decideBy);
    listen("learn-keep", "click", this.#keep);
    listen("learn-save", "click", this.#save);
    listen("learn-load", "change", this.#load);
    listen("learn-reset", "click", this.#reset);
    new ResizeObserver(() => this.#draw()).observe(element("learn-losses"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Return whether a model can learn here. */
  static can(model) {
    return Boolean(model.training) && model.accelerator === "wasm" && model.has("score");
  }

  /** Take a model, and give it what it learned here before. */
  async use(model, kind, bundle) {
    this.#files.next(); // those that are still read are of other data
    [this.#model, this.#kind, this.#bundle] = [model, kind, bundle];
    [this.#forgotten, this.#going, this.#losses, this.#own, this.#parts] = [
      null,
      false,
      [],
      null,
      null,
    ];
    for (const id of ["learn-set", "learn-result"]) element(id).hidden = true;
    element("learn-file").value = "";
    element("adapted").hidden = true;
    if (!Learn.can(model)) return;
    const digest = bundle.digests.get(model.file);
    this.#digest = digest;
    element("learn-accepted").textContent = acceptedBy(kind);
    Object.assign(element("learn-file"), {
      accept: suffixesOf(kind),
      multiple: kind.name === "picture",
    });
    element("learn-guard").value = plain(GUARD * kind.size);
    const found = this.#learned.get(digest) ?? (await kept(digest));
    if (!found || model !== this.#model) return; // or another one was opened meanwhile
    const size = model.training.state_size;
    try {
      await model.take(await stateOf(found.learned, digest, size, "What the browser keeps"));
    } catch {
      await forget(digest); // something else wrote it
      return;
    }
    if (model !== this.#model) return;
    this.#own = found.threshold ?? null;
    model.ownCalibration = this.#own;
    this.#learned.set(digest, found);
    this.#show(`What was learned on ${found.date} is in use.`);
  }

  /** Split the examples of the chosen files. */
  async #open() {
    const files = [...element("learn-file").files];
    if (!files.length) return;
    const stale = this.#files.next();
    let source;
    try {
      source = await sourceOf(files, this.#kind);
    } catch (error) {
      if (stale()) return;
      throw error;
    }
    if (stale()) return;
    const { count, example, words } = source;
    const { noun } = this.#kind;
    if (count < 2) throw new Error(`Expected at least two ${noun}s to learn. Received: one`);
    const held = Math.min(Math.max(1, Math.floor(HELD_BACK * count)), MOST_HELD_BACK);
    this.#parts = {
      learned: { count: count - held, example },
      held: { count: held, example: (row) => example(count - held + row) },
    };
    element("learn-words").textContent =
      `${words[0]}: the first ${count - held} ${noun}s are learned. The last ` +
      `${held === 1 ? "one is" : `${held} are`} not, and tell${held === 1 ? "s" : ""} what it brings.`;
    element("learn-set").hidden = false;
  }

  /** Return the scores of the examples that are not learned, sorted; null where that is stopped. */
  async #scores() {
    const { count, example } = this.#parts.held;
    const [scores, pause] = [[], pauses()];
    for (let row = 0; this.#going && row < count; row++) {
      scores.push(await this.#model.score(example(row), this.#on.others()));
      await pause();
    }
    return this.#going ? scores.sort((a, b) => a - b) : null;
  }

  async #start() {
    const how = {
      steps: Math.round(Number(element("learn-steps").value)),
      learningRate: Number(element("learn-rate").value),
      guardNats: Number(element("learn-guard").value),
      others: this.#on.others(),
    };
    if (!(how.steps >= 1 && how.learningRate > 0 && how.guardNats >= 0)) {
      throw new Error(
        "Expected at least one step, a positive learning rate, and no negative nats. Received: " +
          `${how.steps}, ${how.learningRate}, ${how.guardNats}`,
      );
    }
    this.#going = true;
    this.#losses = [];
    this.#say("Scoring …");
    element("learn-result").hidden = false;
    element("learn-facts").hidden = true;
    this.#busy(true);
    const model = this.#model;
    try {
      if (model.ownCalibration) {
        element("learn-own").checked = false; // that threshold is of other weights
        await this.#decideBy();
      }
      this.#forgotten ??= await guardOf(model, this.#bundle);
      const before = await this.#scores();
      const done = before && (await this.#adapted(model, how));
      if (model !== this.#model) return; // another one was opened meanwhile
      if (!done || (!this.#going && !done.losses.length)) {
        this.#say("Stopped before the first step.");
        return;
      }
      // Of the weights that are in use: where the guard stopped, those of the check before.
      const guard = done.stopped ? await this.#forgotten() : done.guard;
      if (model !== this.#model) return;
      this.#going = true; // who stopped the training wants to know what it brought
      const after = await this.#scores();
      if (model === this.#model) this.#tell(before, after, { ...done, guard });
    } catch (error) {
      if (model === this.#model) throw error; // else the model was closed meanwhile
    } finally {
      this.#going = false;
      this.#busy(false);
    }
  }

  /** Train, and show the steps. */
  async #adapted(model, how) {
    try {
      return await adapt(model, this.#parts.learned, how, this.#forgotten, (step, loss) => {
        if (step) {
          this.#losses.push(loss);
          this.#say(`Step ${step} of ${how.steps}, loss ${plain(loss, 4)} nats.`);
          this.#draw();
        }
        return this.#going && model === this.#model;
      });
    } finally {
      // After an error too: the weights of the last check are in use.
      if (model === this.#model && this.#losses.length) await this.#changed();
    }
  }

  /** Say what learning has brought; `after` is null where the scoring was stopped. */
  #tell(before, after, { losses, skipped, guard, stopped }) {
    const given = this.#model.calibration;
    const { noun } = this.#kind;
    this.#say(
      [
        `${losses.length} steps.`,
        stopped &&
          "Stopped by the guard: the examples of the bundle scored worse than allowed, and the weights of " +
            "the last check are back. Allow more nats, or take a lower learning rate, to learn more.",
        skipped && `${skipped} steps changed nothing, since they were not finite.`,
      ]
        .filter(Boolean)
        .join(" "),
    );
    element("learn-facts").hidden = !after;
    element("learn-own").checked = false;
    if (!after) {
      this.#own = null;
      element("learn-own-words").textContent = NO_OWN;
      return;
    }
    element("learn-facts").tBodies[0].replaceChildren(
      ...factsOf(before, after, guard, this.#model, noun).map(([name, ...values]) =>
        line(name, values),
      ),
    );
    const [rate, twoSided] = [given?.false_alarm_rate ?? RATE, given?.two_sided ?? false];
    const least = leastOf(rate, twoSided);
    this.#own = after.length < least ? null : calibrationOf(after, rate, twoSided);
    element("learn-own-words").textContent = this.#own
      ? `Decide by the threshold of the last ${after.length} ${noun}s, ${plain(this.#own.high, 4)} nats`
      : `A threshold of its own, for ${plain(100 * rate)}% false alarms, needs ${least} ${noun}s that are ` +
        `not learned, so ${Math.ceil(least / HELD_BACK)} in all`;
    element("learn-own").disabled = !this.#own;
  }

  async #decideBy() {
    this.#model.ownCalibration = element("learn-own").checked ? this.#own : null;
    await this.#changed();
  }

  /** Remember what was learned while the page is open, and show what it changes. */
  async #changed() {
    const [model, digest] = [this.#model, this.#digest];
    const state = await model.state();
    this.#learned.set(digest, {
      learned: await learnedOf(state, digest),
      threshold: model.ownCalibration,
      date: new Date().toLocaleString(),
    });
    if (model !== this.#model) return; // another one was opened meanwhile
    element("adapted").hidden = false;
    // What is shown may be of data that the model refuses: that is said, and learning goes on.
    await this.#on.attempt(() => this.#on.changed());
  }

  async #keep() {
    try {
      await keep(this.#digest, this.#learned.get(this.#digest));
    } catch (error) {
      throw new Error(`This browser keeps nothing: ${error?.message ?? error}`);
    }
    this.#say("Kept: it is in use when this page is opened again.");
  }

  #save() {
    const { learned } = this.#learned.get(this.#digest);
    keepFile(new Blob([learned]), "learned.bin");
  }

  /** Take what this page, Python or C has saved. */
  async #load() {
    const [file] = element("learn-load").files;
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    element("learn-load").value = "";
    const { state_size: size } = this.#model.training;
    await this.#model.take(await stateOf(bytes, this.#digest, size, file.name));
    this.#model.ownCalibration = this.#own = null;
    await this.#changed();
    this.#show(`What ${file.name} holds is in use.`);
  }

  async #reset() {
    await this.#model.reset();
    this.#model.ownCalibration = this.#own = null;
    this.#learned.delete(this.#digest);
    await forget(this.#digest);
    element("learn-result").hidden = true;
    element("adapted").hidden = true;
    await this.#on.attempt(() => this.#on.changed());
  }

  /** Show a sentence without a training. */
  #show(words) {
    this.#losses = [];
    element("learn-result").hidden = false;
    element("learn-facts").hidden = true;
    element("adapted").hidden = false;
    element("learn-own").checked = Boolean(this.#own);
    element("learn-own").disabled = !this.#own;
    element("learn-own-words").textContent = this.#own
      ? `Decide by the threshold that was set here, ${plain(this.#own.high, 4)} nats`
      : NO_OWN;
    for (const id of ["learn-keep", "learn-save"]) element(id).disabled = false;
    this.#say(words);
    this.#draw();
  }

  #say(words) {
    element("learn-said").textContent = words;
  }

  #busy(busy) {
    element("learn").ariaBusy = String(busy);
    element("learn-stop").hidden = !busy;
    const nothing = !this.#learned.has(this.#digest);
    const disabled = {
      "learn-start": busy,
      "learn-file": busy,
      "learn-keep": busy || nothing,
      "learn-save": busy || nothing,
      "learn-load": busy,
      "learn-reset": busy,
      "learn-own": busy || !this.#own,
    };
    for (const id in disabled) element(id).disabled = disabled[id];
  }

  #draw() {
    drawLosses(element("learn-losses"), this.#losses);
  }
}
