"""What was chosen last is what the page shows, however long the choices before take."""

import pytest

from tests.clients.dom import with_elements
from tests.clients.javascript import javascript

LATEST = """
const { Latest } = await load("latest.js");
const [latest, done, errors] = [new Latest(), [], []];
const action = (name, fails) => async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (fails) throw new Error(name);
  done.push(name);
};
const asked = given.map(([name, fails]) =>
  latest.run(action(name, fails)).catch(({ message }) => errors.push(message)),
);
await Promise.all(asked);
return [done, errors];
"""


@pytest.mark.parametrize(
    ("actions", "done", "errors"),
    [
        ([("a", True), ("b", True), ("c", False)], ["c"], []),
        ([("a", False), ("b", False), ("c", False)], ["a", "c"], []),
        ([("a", False), ("b", True)], ["a"], ["b"]),
    ],
)
def test_an_error_of_an_older_wish_does_not_end_the_newest(actions, done, errors):
    assert javascript(LATEST, actions) == [done, errors]


JUDGE = """
const { Judge } = await load("judge.js");
const { Kind } = await load("kind.js");
const domain = { low: null, high: null, integer: false, categories: null, one_hot: false };
const kindOf = (names) => {
  const columns = names.map((name) => ({ ...domain, name, missing: false }));
  const x = { domain: { ...domain, columns, missing: false } };
  return new Kind({ model: { event_shape: [names.length], inputs: { x } } });
};
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const [errors, seen] = [[], []];
const attempt = async (action) => {
  try {
    await action();
  } catch ({ message }) {
    errors.push(message);
  }
};
const model = {
  signatures: { score: { inputs: {} } },
  calibration: null,
  has: (name) => name === "score",
  score: async (x) => {
    await wait(30);
    if (x[0] === 99) throw new Error("99 is refused");
    seen.push([...x]);
    return x[0];
  },
};
const judge = new Judge({ attempt, shown: () => null, others: () => ({}) });
await judge.use(model, kindOf(["a", "b"]));
for (const step of given) {
  if (step.text) {
    const text = async () => {
      await wait(step.slow ?? 0);
      return step.text;
    };
    elements.file.files = [{ name: step.name, text }];
    elements.file.dispatchEvent({ type: "change" });
  } else if (step.row) {
    elements.row.value = step.row;
    elements.row.dispatchEvent({ type: "change" });
  } else attempt(() => judge.use(model, kindOf(step.columns)));
  await wait(10);
}
await wait(300);
const { judged, result } = elements;
const words = judged.hidden || result.hidden ? null : elements["judged-words"].textContent;
return { errors, words, judged: seen.at(-1) ?? null };
"""
SLOW = {"name": "slow.csv", "text": "a,b\n1,1\n", "slow": 100}
NEW = {"name": "new.csv", "text": "a,b\n2,2\n"}


def judged(*steps):
    return with_elements(JUDGE, steps)


def test_a_file_that_is_slow_to_read_does_not_replace_a_newer_one():
    expected = {"errors": [], "words": "new.csv", "judged": [2, 2]}
    assert judged(SLOW, NEW) == expected
    assert judged({**SLOW, "text": "nothing"}, NEW) == expected


def test_a_file_that_is_read_while_another_bundle_is_opened_is_not_judged():
    assert judged(SLOW, {"columns": ["c", "d"]}) == {"errors": [], "words": None, "judged": None}


def test_a_row_that_is_refused_does_not_end_the_next_one():
    rows = {"name": "t.csv", "text": "a,b\n99,1\n2,2\n"}
    expected = {"errors": [], "words": "t.csv, row 2", "judged": [2, 2]}
    assert judged(rows, {"row": 2}) == expected


def test_below_the_error_of_a_row_there_is_no_result_of_the_row_before():
    rows = {"name": "t.csv", "text": "a,b\n1,1\n2,x\n"}
    found = judged(rows, {"row": 2})
    assert found["errors"] == ["Expected a number in the column b. Received: x"]
    assert found["words"] is None


FILM = """
const { Walk } = await load("walk.js");
const shown = [];
globalThis.matchMedia = () => ({ matches: false });
const walk = new Walk({
  attempt: (action) => action(),
  show: async () => { shown.push(Number(elements.share.value)); },
});
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
elements.interpolate.dispatchEvent({ type: "click" });
await wait(200);
if (given === "share") elements.share.value = 0.9;
if (given === "stop") walk.stop();
else elements[given].dispatchEvent({ type: given === "share" ? "input" : "click" });
const before = shown.length;
await wait(200);
return { before: shown.slice(0, before), after: shown.slice(before) };
"""


def test_who_moves_the_slider_or_draws_ends_the_film():
    found = with_elements(FILM, "share")
    assert found["before"] == [*sorted(found["before"][:-1]), 0.9]
    assert (len(found["before"]) > 2, found["after"]) == (True, [])
    assert with_elements(FILM, "stop")["after"] == []


def test_a_film_that_is_begun_anew_is_the_only_one():
    found = with_elements(FILM, "interpolate")
    assert found["after"] == sorted(found["after"])
    assert len(found["after"]) > 2
