"""Parts of the page that have a state, without a browser."""

import hashlib
import io
import json

import numpy as np
import pytest

from tests.clients.dom import with_elements
from tests.clients.javascript import javascript

OVERVIEW = """
const { Overview } = await load("overview.js");
const overview = new Overview({ choose() {}, others: () => ({}) });
const example = (row) => {
  if (row === 2) throw new Error("Expected one of a, b in the column z. Received: q");
  return [row];
};
const model = { has: () => true, calibration: null, score: async ([row]) => row };
await overview.use({ count: 6, example }, "row", model);
return [elements["overview-words"].textContent, elements.overview.ariaBusy];
"""


def test_a_row_that_cannot_be_read_does_not_end_the_overview():
    assert with_elements(OVERVIEW) == [
        "6 rows, scores from 0 to 5 nats, 1 cannot be judged",
        "false",
    ]


PRESETS = """
const { Explore } = await load("explore.js");
const { Kind } = await load("kind.js");
const described = { latent_dim: 2, event_shape: [2], latents: { z: {} }, inputs: {} };
const manifest = { axes: [], model: { sha256: "", ...described } };
const draws = (seed) => ({ decoded: [seed, seed], z: [seed + 0.5, 0] });
const model = (preset, ...names) => ({
  manifest,
  preset,
  signatures: Object.fromEntries(names.map((name) => [name, { inputs: { z: {}, seed: {} } }])),
  has: (name) => names.includes(name),
  decode: async (z) => Float32Array.from(z),
  sample: async (seed) => draws(seed),
});
const kind = new Kind(manifest);
const explore = new Explore((action) => action());
const use = (model) => explore.use(model, kind, { values: {} }, "name", null);
const shown = [];
const show = async (action) => {
  await action();
  shown.push([elements.timing.textContent.split(", ")[1], [...explore.values]]);
};
use(model("float32", "decode", "sample"));
await show(() => explore.draw(0));
await show(() => explore.draw(1));
use(model("int8-full", "decode"));
await show(() => explore.again(false));
await show(() => explore.again());
await show(() => explore.undo());
await show(() => explore.undo());
use(model("float32", "decode", "sample"));
await show(() => explore.again(false));
return shown;
"""


def test_a_draw_is_shown_by_a_precision_that_can_only_decode():
    assert with_elements(PRESETS) == [
        ["float32", [0, 0]],
        ["float32", [1, 1]],
        ["int8-full", [1.5, 0]],
        ["int8-full", [1.5, 0]],
        ["int8-full", [1.5, 0]],
        ["int8-full", [0.5, 0]],
        ["float32", [0, 0]],
    ]


ADDRESS = """
const { Explore } = await load("explore.js");
const { Kind } = await load("kind.js");
const described = { latent_dim: 2, event_shape: [2], latents: { z: {} }, inputs: { label: {} } };
const manifest = { axes: [], model: { sha256: "", ...described } };
const model = {
  manifest,
  preset: "float32",
  signatures: { sample: { inputs: { seed: {} } }, decode: { inputs: { z: {} } } },
  has: (name) => ["sample", "decode"].includes(name),
  decode: async (z) => {
    if (z[0] > 1e6) throw new Error("The output is NaN or infinite");
    return Float32Array.from(z);
  },
  sample: async (seed) => ({ decoded: [seed, seed], z: [seed, 0] }),
};
let error = null;
let last;
const attempt = (action) => {
  error = null;
  return last = (async () => action())().catch(({ message }) => { error = message; });
};
const explore = new Explore(attempt);
const fields = { values: { label: [3] } };
explore.use(model, new Kind(manifest), fields, "name", null);
await attempt(() => explore.start(new URLSearchParams(given.address)));
if (given.typed !== null) {
  elements.seed.value = given.typed;
  elements.seed.dispatchEvent({ type: "change" });
  await new Promise((resolve) => setTimeout(resolve, 20));
}
return [elements.shown.textContent, fields.values.label, error];
"""
DRAW_0 = "Draw 0 from the prior"


def started(address, typed=None):
    """Return what is shown at an address, the other input, and the error."""
    return with_elements(ADDRESS, {"address": address, "typed": typed})


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        ("seed=1e99", "seed", "a whole number of 32 bits"),
        ("seed=-2147483649", "seed", "a whole number of 32 bits"),
        ("seed=abc", "seed", "a whole number of 32 bits"),
        ("seed=7.5", "seed", "a whole number of 32 bits"),
        ("z=a,b", "z", "2 numbers with commas between them"),
        ("z=1", "z", "2 numbers with commas between them"),
        ("z=1e99,0", "z", "2 numbers with commas between them"),
        ("z=,1", "z", "2 numbers with commas between them"),
        ("seed=0x10", "seed", "a whole number of 32 bits"),
        ("label=,", "label", "a number"),
        ("label=1,2", "label", "a number"),
    ],
)
def test_what_is_no_point_in_the_address_is_said_above_draw_0(address, name, expected):
    received = address.removeprefix(f"{name}=")
    words = f"Expected {name} in the address to be {expected}. Received: {received}"
    assert started(address) == [DRAW_0, [3], words]


def test_a_point_of_the_address_that_cannot_be_decoded_gives_way_to_draw_0():
    assert started("z=1e9,0&label=4") == [DRAW_0, [3], "The output is NaN or infinite"]


def test_a_point_of_the_address_is_shown():
    assert started("") == [DRAW_0, [3], None]
    assert started("seed=-7&label=4") == ["Draw -7 from the prior", [4], None]
    assert started("z=1,2") == ["A point set by the sliders", [3], None]


def test_a_number_that_is_no_seed_shows_draw_0():
    words = "Expected the draw number to be a whole number of 32 bits. Received: 99999999999"
    assert started("seed=5", "99999999999") == [DRAW_0, [3], words]
    assert started("seed=5", "8") == ["Draw 8 from the prior", [3], None]


WALK = """
let address = null;
globalThis.history.replaceState = (state, title, query) => { address = query; };
globalThis.Option = function (text, value) { Object.assign(this, { text, value }); };
const { Explore } = await load("explore.js");
const { Kind } = await load("kind.js");
const manifest = {
  axes: [],
  model: { sha256: "", latent_dim: 2, event_shape: [2], latents: { z: {} }, inputs: {} },
};
const names = ["decode", "sample", "interpolate", "interpolate_spherical"];
const decode = async (z) => Float32Array.from(z);
const model = {
  manifest,
  signatures: Object.fromEntries(names.map((name) => [name, { inputs: { z: {} } }])),
  has: (name) => names.includes(name),
  decode,
  sample: async (seed) => ({ decoded: [seed, 0], z: seed === 2 ? [0, 4] : [seed, 0] }),
  interpolate: () => decode([1, 1]),
};
const explore = new Explore((action) => action());
explore.use(model, new Kind(manifest), { values: {} }, "name", null);
const links = [];
const link = async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  await explore.remember();
  links.push(address);
};
await explore.start(new URLSearchParams("seed=3"));
await link();
elements.said.textContent = "The link is copied.";
for (const way of ["line", "arc"]) {
  elements.way.value = way;
  elements.share.value = 0.5;
  elements.share.dispatchEvent({ type: "input" });
  await link();
}
const said = elements.said.textContent;
await explore.draw(5);
await link();
return [said, links];
"""


def test_the_link_in_the_middle_of_a_walk_is_that_of_the_point_on_it():
    said, links = with_elements(WALK)
    assert said == ""
    first, line, arc, last = links
    assert (first, line, last) == ("?seed=3", "?z=0.5,2", "?seed=5")
    z = [float(value) for value in arc.removeprefix("?z=").split(",")]
    np.testing.assert_allclose(z, [2.5 / np.sqrt(2)] * 2, rtol=1e-6)


SPHERICAL = """
const { spherical } = await load("paths.js");
return given.map(({ a, b, t }) => spherical(a, b, t));
"""


def test_points_on_the_arc_are_those_of_the_signature():
    from kvae.models import paths

    generator = np.random.default_rng(0)
    ends = [generator.normal(size=(2, 5)) for _ in range(4)]
    ends += [np.stack([a, scale * a]) for (a, _), scale in zip(ends, (2, -1, 0, -3), strict=True)]
    given = [{"a": a.tolist(), "b": b.tolist(), "t": t} for a, b in ends for t in (0, 0.3, 1)]
    expected = [paths.spherical(*map(np.array, each.values())) for each in given]
    np.testing.assert_allclose(javascript(SPHERICAL, given), expected, rtol=1e-6, atol=1e-6)


TABS = """
const tabs = ["first", "second", "third"].map((id) => elements[id]);
["first", "second", "third"].forEach((id) => Object.assign(elements[id], {
  id,
  hidden: false,
  getAttribute: () => `panel-${id}`,
}));
const { Tabs } = await load("tabs.js");
const list = new Tabs(Object.assign(elements.list, { querySelectorAll: () => tabs }));
const open = () => tabs.filter(({ ariaSelected }) => ariaSelected === "true").map(({ id }) => id);
list.open("first");
list.offer({ second: false });
const kept = open();
list.offer({ first: false, second: true });
return [kept, open(), tabs.map(({ hidden }) => hidden)];
"""


def test_a_tab_that_is_hidden_while_it_is_open_gives_way_to_another():
    assert with_elements(TABS) == [["first"], ["third"], [True, False, False]]


LEARN = """
const { Learn } = await load("learn.js");
const { Kind } = await load("kind.js");
const kind = new Kind({ model: { event_shape: [1], inputs: {} } });
let weight = 0; // the loss and every score are it; a step adds 1
const model = {
  accelerator: "wasm",
  calibration: null,
  file: "model.tflite",
  training: { batch_size: 1 },
  signatures: { score: { inputs: { x: {} } } },
  check() {},
  has: () => true,
  score: async () => {
    scored += 1;
    if (scored === { before: 1, after: given.rows / 4 + 1 }[given.stop]) setTimeout(stop);
    busy(given.milliseconds);
    return weight;
  },
  state: async () => [weight],
  take: async ([kept]) => { weight = kept; },
  shipped: (action) => action(async () => ({ score: [0] })),
  run: async (name) => {
    if (name === "train") weight += 1;
    if (given.stop === "training" && weight === 7) stop();
    return { score: [weight], loss: [weight], applied: [1] };
  },
};
const stop = () => elements["learn-stop"].dispatchEvent({ type: "click" });
let scored = 0;
const busy = (milliseconds) => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};
let ended;
const attempt = async (action) => ended = action();
const learn = new Learn({ attempt, others: () => ({}), changed: async () => {} });
const read = async () => Uint8Array.from(given.golden);
await learn.use(model, kind, { read, digests: new Map([["model.tflite", "0"]]) });
const text = async () => "Value 0\\n" + "1\\n".repeat(given.rows);
elements["learn-file"].files = [{ name: "normal.csv", text }];
elements["learn-file"].dispatchEvent({ type: "change" });
await ended;
const lines = [];
elements["learn-facts"].tBodies = [{ replaceChildren: (...facts) => lines.push(...facts) }];
const settings = { steps: given.steps, rate: 0.1, guard: given.guard };
for (const name in settings) elements[`learn-${name}`].value = settings[name];
elements["learn-start"].dispatchEvent({ type: "click" });
const started = ended;
await started;
return {
  said: elements["learn-said"].textContent,
  facts: lines.map(({ cells }) => cells.map(({ textContent }) => textContent)),
  weight,
  scored,
};
"""


def learned(rows=8, **settings):
    """Return what the tab says of a training whose weight, loss and scores grow by 1 a step."""
    golden = io.BytesIO()
    zero = np.zeros(1, "float32")
    np.savez(golden, **{"inputs/score/x": zero, "expected/score/score": zero})
    given = {"rows": rows, "steps": 60, "milliseconds": 0, "golden": list(golden.getvalue())}
    return with_elements(LEARN, {**given, **settings})


def test_a_training_that_the_guard_stops_tells_of_the_weights_that_are_in_use():
    found = learned(guard=30)
    assert found["weight"] == 25
    assert "Stopped by the guard" in found["said"]
    assert found["facts"] == [["0", "25"], ["", "25 worse"]]


def test_scoring_before_and_after_a_training_can_be_stopped():
    found = learned(guard=1e9, rows=400, milliseconds=10, stop="before")
    assert found["said"] == "Stopped before the first step."
    assert (found["facts"], found["weight"]) == ([], 0)
    assert found["scored"] < 50
    found = learned(guard=1e9, rows=40, milliseconds=1, stop="training")
    assert found["said"] == "7 steps."
    assert found["facts"] == [["0", "7"], ["", "7 worse"]]
    assert found["scored"] == 20
    found = learned(guard=1e9, rows=400, milliseconds=10, steps=7, stop="after")
    assert found["said"] == "7 steps."
    assert (found["facts"], found["weight"]) == ([], 7)
    assert 100 < found["scored"] < 150


CONTRIBUTIONS = """
const { contributions } = await load("contribution.js");
const score = async () => {
  const end = performance.now() + 10;
  while (performance.now() < end);
  return 1;
};
const parts = Array.from({ length: 60 }, (_, index) => [index]);
const x = new Float32Array(60);
let stale = false;
setTimeout(() => { stale = true; });
return contributions(x, x, parts, score, () => stale);
"""


def test_contributions_leave_the_page_its_turn():
    assert javascript(CONTRIBUTIONS) is None


JUDGE = """
const { Judge } = await load("judge.js");
const { Kind } = await load("kind.js");
const kindOf = (size) => new Kind({ model: { event_shape: [size], inputs: {} } });
const said = [];
const actions = [];
const attempt = (action) => {
  const done = (async () => action())().catch(({ message }) => said.push(message));
  actions.push(done);
  return done;
};
const judge = new Judge({ attempt, shown: () => new Float32Array(12), others: () => ({}) });
const modelOf = () => ({
  freed: false,
  signatures: {},
  has: () => true,
  async score() {
    if (this.freed) throw new Error("A freed model is called.");
    const end = performance.now() + 10;
    while (performance.now() < end);
    return 1;
  },
  reconstruct: async (x) => x,
});
const model = modelOf();
judge.use(model, kindOf(12));
elements["judge-shown"].dispatchEvent({ type: "click" });
await new Promise((resolve) => setTimeout(resolve));
judge.use(modelOf(), kindOf(3));
model.freed = true;
await Promise.all(actions);
return said;
"""


def test_contributions_end_where_another_model_is_opened():
    assert with_elements(JUDGE) == []


FILES = """
const { Judge } = await load("judge.js");
const { Kind } = await load("kind.js");
const errors = [];
let last;
const attempt = (action) => {
  last = (async () => action())().catch(({ message }) => errors.push(message));
  return last;
};
const judge = new Judge({ attempt, shown: () => [0, 1, 2], others: () => ({}) });
const model = {
  signatures: {},
  has: (name) => given.signatures.includes(name),
  score: () => new Promise((resolve) => setTimeout(() => resolve(1), 5)),
  reconstruct: async (x) => x,
};
const kind = new Kind({ model: { event_shape: [3], inputs: {} } });
await judge.use(model, kind);
const shown = [];
for (const { text, row, wait } of given.files) {
  if (text) elements.file.files = [{ name: "a.csv", text: async () => text }];
  if (row) elements.row.value = row;
  elements[text ? "file" : "row"].dispatchEvent({ type: "change" });
  if (wait === false) await new Promise((resolve) => setTimeout(resolve)); // it goes on
  else await last;
  shown.push({
    hidden: given.watched.filter((id) => elements[id].hidden),
    ends: kind.scale.ends(),
  });
}
await new Promise((resolve) => setTimeout(resolve, 50));
return { errors, shown, hidden: given.watched.filter((id) => elements[id].hidden) };
"""
ROWS = "Value 0,Value 1,Value 2\n"


def judged(*files, watched=(), signatures=("score", "reconstruct")):
    """Return the errors, and after each file or row which elements are hidden and the scale."""
    steps = [{"text": each} if isinstance(each, str) else {"row": each} for each in files]
    return with_elements(FILES, {"files": steps, "watched": watched, "signatures": signatures})


def test_a_result_is_hidden_where_the_next_file_or_row_is_refused():
    watched = ["judged", "result", "row-label"]
    found = judged(f"{ROWS}1,2,3\n1,q,3\n", 2, 1, "other\n1\n", f"{ROWS}1,2,3\n", watched=watched)
    assert [step["hidden"] for step in found["shown"]] == [
        [],
        ["result"],
        [],
        ["judged", "row-label"],
        ["row-label"],
    ]
    assert [error.split(".")[0] for error in found["errors"]] == [
        "Expected a number in the column Value 1",
        "Expected a CSV file with a line of names, among them Value 0, Value 1, Value 2, and rows "
        "below",
    ]


def test_a_result_that_comes_after_the_next_file_was_refused_is_not_shown():
    steps = [{"text": f"{ROWS}1,2,3\n", "wait": False}, {"text": "other\n1\n"}]
    given = {"files": steps, "watched": ["judged"], "signatures": ["score", "reconstruct"]}
    assert with_elements(FILES, given)["hidden"] == ["judged"]


def test_the_scale_of_a_file_is_not_that_of_the_file_before():
    found = judged(f"{ROWS}1,2,3\n1,2,1e6\n", 2, f"{ROWS}1,2,3\n")
    assert [step["ends"] for step in found["shown"]] == [[0, 3], [0, 1e6], [0, 3]]


def test_a_bundle_without_reconstructions_says_so_and_speaks_of_no_contributions():
    watched = ["contribution-words", "no-reconstruction"]
    rows = f"{ROWS}1,2,3\n"
    for signatures, hidden in (
        (["score", "reconstruct"], ["no-reconstruction"]),
        (["score"], ["contribution-words"]),
        (["reconstruct"], watched),
    ):
        found = judged(rows, watched=watched, signatures=signatures)
        assert (found["errors"], found["shown"][0]["hidden"]) == ([], hidden)


COMPARE = """
globalThis.document.baseURI = "http://127.0.0.1/";
globalThis.fetch = async (address) => new Response(given[address.pathname.split("/").pop()]);
globalThis.Option = function (text, value) { Object.assign(this, { text, value }); };
const { Compare } = await load("compare.js");
const said = [];
const actions = [];
const attempt = (action) => {
  const done = (async () => action())().catch(({ message }) => said.push(message));
  actions.push(done);
  return done;
};
const menu = elements.other;
menu.replaceChildren = (...options) => { menu.value = options[0].value; };
const model = (latent) => ({
  manifest: { model: { event_shape: [8], latents: { z: { shape: [latent] } } } },
});
const choices = ["people", "digits"].map((text) => ({ text, preset: null, address: text }));
const compare = new Compare(attempt, {});
elements.compare.hidden = false;
compare.use(model(5), {}, {}, choices);
menu.value = "people";
menu.dispatchEvent(new Event("change"));
await Promise.all(actions);
const refused = elements["compare-error"].textContent;
const bundle = {};
await compare.use(model(5), {}, bundle, choices.slice(0, 1));
const after = menu.value;
menu.value = "people"; // another precision of the bundle keeps the choice
await compare.use(model(5), {}, bundle, choices.slice(0, 1));
return [said, refused, after, menu.value, elements["compare-error"].textContent];
"""


def test_a_model_that_cannot_be_compared_is_refused_on_its_tab_and_stops_nothing_else():
    described = {"event_shape": [4], "latents": {"z": {"shape": [2]}}}
    manifest = json.dumps({"schema": 2, "model": described})
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    files = {"manifest.json": manifest, "SHA256SUMS": f"{digest}  manifest.json\n"}
    words = (
        "Expected a model of examples of 8 from 5 latent variables. "
        "Received: one of examples of 4 from 2 latent variables"
    )
    assert with_elements(COMPARE, files) == [[], words, "", "people", words]


PLACE = """
const { place } = await load("accelerator.js");
const [fetched, compiled] = [[], []];
const read = async (name) => {
  fetched.push(name);
  return Uint8Array.from(given.golden);
};
const compile = async (accelerator, opened) => {
  await opened.read("model.tflite");
  compiled.push(accelerator);
  return {
    accelerator,
    preset: given.preset,
    signatures: { decode: { inputs: { z: {} } } },
    run: async () => ({ mean: [1] }),
    delete() {},
  };
};
const { why } = await place({ read }, compile, { requestAdapter: async () => ({}) });
return [why, fetched, compiled];
"""


def placed(preset):
    golden = io.BytesIO()
    np.savez(golden, **{"inputs/decode/z": np.zeros((1, 2), "float32")})
    return javascript(PLACE, {"preset": preset, "golden": list(golden.getvalue())})


def test_a_file_is_fetched_once_for_both_accelerators():
    assert placed("float32") == [
        "WebGPU: it differs from WebAssembly by at most 0",
        ["model.tflite", "golden.npz"],
        ["wasm", "webgpu"],
    ]


@pytest.mark.parametrize("preset", ["int8", "int8-full"])
def test_a_file_in_int8_is_not_tried_by_webgpu(preset):
    why = "WebAssembly: this file computes in int8"
    assert placed(preset) == [why, ["model.tflite"], ["wasm"]]
