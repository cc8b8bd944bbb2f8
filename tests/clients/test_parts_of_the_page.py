"""Parts of the page that have a state, without a browser."""

from tests.clients.dom import with_elements

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
