// Judges an example: its reconstruction, the difference, the score on the distribution of normal
// examples, and what each part contributes to the score.

import { contributions, partsOf } from "./contribution.js";
import { distribution } from "./distribution.js";
import { asData } from "./domain.js";
import { erased, Gaps, showGaps } from "./gaps.js";
import { Latest } from "./latest.js";
import { Newest } from "./newest.js";
import { plain } from "./number.js";
import { Overview } from "./overview.js";
import { panels } from "./panels.js";
import { acceptedBy, sourceOf, suffixesOf } from "./source.js";

const element = (id) => document.getElementById(id);

export class Judge {
  #gaps = new Gaps(
    {
      group: element("gaps"),
      choices: element("gap-choices"),
      hint: element("gap-hint"),
      undo: element("gap-undo"),
      panels: element("panels"),
    },
    () => this.#on.attempt(() => this.#choose()),
  );
  #files = new Newest();
  #kind;
  #latest = new Latest((busy) => {
    element("judged").ariaBusy = String(busy);
  });
  #rows = new Newest();
  #model;
  #on;
  #overview = new Overview({
    choose: (row) => {
      element("row").value = row + 1;
      this.#on.attempt(() => this.#choose());
    },
    others: () => this.#on.others("score"),
  });
  #source = null; // {count, example, words} of the file

  /** @param {{attempt: function, others: function, shown: function}} on What the page does for it. */
  constructor(on) {
    this.#on = on;
    const drop = element("drop");
    const listen = (target, event, action) =>
      target.addEventListener(event, (happened) => on.attempt(() => action(happened)));
    listen(element("file"), "change", () => this.#open(element("file").files[0]));
    listen(element("judge-shown"), "click", () => this.#take(on.shown()));
    listen(element("row"), "change", () => this.#choose());
    listen(element("invert"), "change", () => this.#choose());
    for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      });
    }
    listen(drop, "drop", (event) => this.#open(event.dataTransfer.files[0]));
    for (const name of ["dragover", "drop"]) {
      document.addEventListener(name, (event) => event.preventDefault()); // never leave the page
    }
  }

  /** Take a model, or another precision of the one there is. */
  use(model, kind) {
    if (this.#kind !== kind) {
      this.#files.next(); // one that is still read is of other data
      this.#forget();
      element("file").value = "";
      this.#gaps.use(kind);
    }
    this.#gaps.known = imputes(model);
    [this.#model, this.#kind] = [model, kind];
    element("accepted").textContent = acceptedBy(kind);
    element("file").accept = suffixesOf(kind);
    element("invert-label").hidden = !(kind.name === "picture" && kind.grid[2] === 1);
    return this.#on.attempt(() => this.again()); // an example that is refused stops nothing else
  }

  /** Judge the example once more, after another input has changed. */
  again() {
    if (!this.#source) return null;
    this.#judgeAll();
    return this.#choose();
  }

  /** Score all examples of the file, while the page goes on. */
  #judgeAll() {
    const { count, example } = this.#source;
    this.#overview.use({ count, example }, this.#kind.noun, this.#model);
  }

  /** Show nothing of a file. */
  #forget() {
    this.#rows.next();
    this.#source = null;
    this.#overview.clear();
    element("judged").hidden = true;
    element("row-label").hidden = true;
  }

  async #open(file) {
    if (!file) return;
    const stale = this.#files.next();
    let source;
    try {
      source = await sourceOf([file], this.#kind);
    } catch (error) {
      if (stale()) return;
      this.#forget(); // what another file has shown must not stand below the error
      throw error;
    }
    if (stale()) return;
    this.#source = source;
    const { scale } = this.#kind;
    scale.reset(); // values of the last file must not flatten the drawings of this one
    scale.grow(this.#on.shown() ?? []);
    const { count } = this.#source;
    element("row-label").hidden = count === 1;
    element("row-name").textContent = `${this.#kind.noun} of ${count}`;
    Object.assign(element("row"), { value: 1, max: count });
    this.#judgeAll();
    await this.#choose();
  }

  #take(values) {
    this.#files.next();
    const x = asData(values, this.#kind.domain, this.#kind.shape.at(-1) ?? 1);
    element("row-label").hidden = true;
    element("file").value = "";
    this.#source = { count: 1, example: () => x, words: ["What is shown"] };
    this.#overview.clear();
    return this.#choose();
  }

  /** Judge the chosen example; an error hides the result, which is of another one. */
  async #choose() {
    const stale = this.#rows.next();
    const refused = (error) => {
      if (stale()) return;
      element("result").hidden = true;
      throw error;
    };
    let judge = null;
    try {
      judge = this.#chosen(stale);
    } catch (error) {
      refused(error);
    }
    if (judge) await this.#latest.run(() => judge().catch(refused));
  }

  /** Return a function that judges the chosen example, null where there is none. */
  #chosen(stale) {
    const field = element("row");
    const { count, example, words, where } = this.#source ?? { count: 0 };
    if (!count) return null;
    const row = Math.min(Math.max(Math.round(Number(field.value)) || 1, 1), count);
    field.value = row;
    this.#overview.set(row - 1);
    let x = example(row - 1);
    if (element("invert").checked && !element("invert-label").hidden) {
      const { low, high } = this.#kind.domain;
      x = x.map((value) => low + high - value);
    }
    const whole = x;
    x = this.#gaps.erased(x, this.#source, row);
    const missing = x.filter(Number.isNaN).length;
    const said = [
      ...words,
      count > 1 && `${this.#kind.noun} ${row}`,
      where?.(row - 1),
      missing && `${missing} of ${x.length} values missing`,
    ];
    const told = said.filter(Boolean).join(", ");
    return () =>
      missing && imputes(this.#model)
        ? this.#impute(x, whole, row - 1, told, stale)
        : this.#show(x, told, stale);
  }

  /** Show what the model puts in the place of what is missing. */
  async #impute(x, whole, row, words, stale) {
    const [model, kind] = [this.#model, this.#kind];
    const others = (signature) => this.#on.others(signature);
    const score = model.has("score") ? await model.score(x, others("score")) : null;
    const imputed = await model.impute(x, row, others("impute"));
    if (stale()) return;
    for (const each of [whole.filter((value) => !Number.isNaN(value)), imputed])
      kind.scale.grow(each);
    for (const id of ["judged", "result"]) element(id).hidden = false;
    element("contribution-words").hidden = true;
    element("no-reconstruction").hidden = true;
    element("gap-words").hidden = false;
    element("judged-words").textContent = words;
    if (score !== null && erased(x, whole)) this.#sayScore(score);
    else this.#decide(score, model);
    showGaps(element("panels"), kind, x, imputed, whole);
    this.#gaps.drawn();
  }

  async #show(x, words, stale) {
    const [model, kind] = [this.#model, this.#kind];
    const others = (signature) => this.#on.others(signature);
    const score = model.has("score") ? await model.score(x, others("score")) : null;
    const remade = model.has("reconstruct")
      ? await model.reconstruct(x, others("reconstruct"))
      : null;
    if (stale()) return;
    for (const id of ["judged", "result"]) element(id).hidden = false;
    const parts = remade && score !== null ? "Contri\u00adbution" : null;
    element("contribution-words").hidden = !parts;
    element("no-reconstruction").hidden = Boolean(remade);
    element("gap-words").hidden = true;
    element("judged-words").textContent = words;
    this.#decide(score, model);
    const place = element("panels");
    const headings = {
      one: "Given",
      other: remade && "Recon\u00adstruction",
      said: [`The ${kind.noun} that is judged`, "Its reconstruction"],
      given: true,
    };
    const paint = panels(place, kind, headings, parts);
    kind.scale.grow(x.filter((value) => !Number.isNaN(value)));
    if (remade) kind.scale.grow(remade);
    paint(x, remade, null);
    this.#gaps.drawn();
    if (score === null || remade === null || x.some(Number.isNaN)) return;
    const repaired = asData(remade, kind.domain, kind.shape.at(-1) ?? 1);
    const call = (each) => model.score(each, others("score"));
    place.ariaBusy = "true";
    const other = () => stale() || model !== this.#model; // which is freed then
    const found = await contributions(x, repaired, partsOf(kind).parts, call, other);
    if (found) paint(x, remade, found);
    place.ariaBusy = "false";
  }

  /** Say the score of an example that the threshold is not for, since a part was taken away. */
  #sayScore(score) {
    const verdict = element("verdict");
    element("distribution").replaceChildren();
    verdict.className = "verdict";
    verdict.dataset.score = score;
    verdict.textContent =
      `Score ${plain(score, 5)} nats, of what is not missing. There is no verdict: thresholds are for ` +
      "examples from which nothing was taken away.";
  }

  #decide(score, model) {
    const verdict = element("verdict");
    const chart = element("distribution");
    verdict.className = "verdict";
    chart.replaceChildren();
    if (score === null) {
      verdict.textContent = "This bundle has no score: export the signature score to judge data.";
      return;
    }
    verdict.dataset.score = score;
    const { calibration } = model;
    if (!calibration) {
      verdict.textContent = `Score ${plain(score, 5)} nats. The bundle holds no threshold: export it with --calibration.`;
      return;
    }
    const { p_value: p, is_anomaly: anomaly } = model.decide(score);
    const { low, high } = calibration;
    const below = low !== null && score < low;
    const share = `${plain(100 * calibration.false_alarm_rate)}% of normal examples`;
    const limits =
      low === null ? `above ${plain(high, 4)}` : `outside ${plain(low, 4)} to ${plain(high, 4)}`;
    const said = anomaly
      ? `, ${below ? "below" : "above"} the threshold of ${plain(below ? low : high, 4)}; ${share} score ${limits}`
      : `; ${share} score ${limits}`;
    verdict.classList.add(anomaly ? "anomaly" : "normal");
    const strong = document.createElement("strong");
    strong.textContent = anomaly ? "Unusual. " : "Normal. ";
    verdict.replaceChildren(
      strong,
      `The score is ${plain(score, 4)} nats${said} (p = ${plain(p, 2)}).`,
    );
    verdict.dataset.p = p;
    chart.replaceChildren(distribution(score, calibration));
  }
}

/** Return whether a model estimates missing values; pixels of 8 bits cannot be missing in a file. */
function imputes(model) {
  return model.signatures.impute?.inputs.x.dtype === "float32";
}
