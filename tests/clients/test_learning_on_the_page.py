"""The page trains a file in the browser as Python does, and shows what that brings."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from kvae.export.runtime import BundleError, Model, limits
from tests.clients.page import DOWNLOADED, KEEP_DOWNLOADS
from tests.sensor import WINDOW, machine

pytestmark = pytest.mark.slow

OPEN = "?bundle=bundles/learner/"
# Trains through the page's own modules; rows are flat.
ADAPT = """
const [rows, how, done] = arguments;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Model } = await import(new URL("model.js", document.baseURI));
  const { adapt, guardOf } = await import(new URL("adapt.js", document.baseURI));
  const bundle = await openBundle("bundles/learner/");
  const model = await Model.load(bundle, "float32");
  const told = await adapt(
    model,
    { count: rows.length, example: (row) => rows[row] },
    { ...how, guardNats: how.guardNats ?? Infinity },
    await guardOf(model, bundle),
    (step) => step !== how.stop,
  );
  const state = [...(await model.state())];
  const score = (await model.run("score", { x: rows[0] }, false)).score[0];
  await model.reset();
  const shipped = (await model.run("score", { x: rows[0] }, false)).score[0];
  model.delete();
  return { ...told, state, score, shipped };
})().then(done, (error) => done(String(error)));
"""
ROWS = """
const [seed, step, count, batch, done] = arguments;
import(new URL("adapt.js", document.baseURI))
  .then(({ rowsOfStep }) => done(rowsOfStep(seed, step, count, batch)));
"""
PUT = """
const [id, files] = arguments;
const transfer = new DataTransfer();
for (const [name, content] of files) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name));
}
const field = document.getElementById(id);
field.files = transfer.files;
field.dispatchEvent(new Event("change", { bubbles: true }));
"""
FORGET = """
const done = arguments[0];
const request = indexedDB.deleteDatabase("kvae-learned");
request.onsuccess = request.onerror = request.onblocked = () => done();
"""


# Ends a step of a training with an error.
BREAK = """
const [step, done] = arguments;
import(new URL("model.js", document.baseURI)).then(({ Model }) => {
  const { run } = Model.prototype;
  let steps = 0;
  Model.prototype.run = function (signature, ...inputs) {
    if (signature !== "train" || ++steps < step) return run.call(this, signature, ...inputs);
    Model.prototype.run = run;
    return Promise.reject(new Error("The device is lost."));
  };
  done();
});
"""


@pytest.fixture
def rows():
    """Windows of another machine."""
    return machine(np.random.default_rng(1), 60, gain=1.2, offset=0.2)


@pytest.fixture
def opened(page):
    """The page with the file that learns, and nothing that the browser keeps."""
    page.open(OPEN)
    page.call(FORGET)
    page.open(OPEN)
    page.click("tab-learn")
    yield page
    page.call(FORGET)


def put(page, field, name, content):
    """Choose a file as a person does."""
    page.script(PUT, field, [[name, base64.b64encode(content).decode()]])


def csv(windows):
    text = io.StringIO()
    np.savetxt(text, windows.reshape(-1, WINDOW[1]), fmt="%.9g", delimiter=",")
    return text.getvalue().encode()


def learn(page, windows, **settings):
    """Learn windows and return what the page says of it."""
    page.script("document.getElementById('learn-set').hidden = true")
    put(page, "learn-file", "normal.csv", csv(windows))
    page.wait("return !document.getElementById('learn-set').hidden")
    for name, value in settings.items():
        page.set(f"learn-{name}", str(value))
    page.script("document.getElementById('learn-start').click()")
    page.wait("return document.getElementById('learn').ariaBusy === 'false'")
    return page.said("learn-said")


@pytest.mark.parametrize(
    ("seed", "step", "count"), [(0, 0, 1), (-7, 3, 60), (2**31 - 1, 10**6, 2**31 - 1)]
)
def test_steps_take_the_rows_that_python_takes(page, seed, step, count):
    from kvae.export.runtime import rows_of_step

    page.open(OPEN)
    assert page.call(ROWS, seed, step, count, 16) == rows_of_step(seed, step, count, 16).tolist()


def test_one_seed_learns_in_the_browser_what_it_learns_in_python(page, learner, rows):
    page.open(OPEN)
    flat = [[float(value) for value in row.reshape(-1)] for row in rows]
    found = page.call(ADAPT, flat, {"steps": 60, "seed": -7, "learningRate": 3e-3})
    model = Model(learner)
    done = model.adapt(rows, steps=60, seed=-7, learning_rate=3e-3, guard_nats=1e9)
    np.testing.assert_allclose(found["losses"], done.losses, rtol=1e-4)
    np.testing.assert_allclose(found["state"], model._state(), atol=1e-4)
    assert found["score"] == pytest.approx(model.score(rows[:1])[0], rel=1e-4)
    assert found["guard"] == pytest.approx(done.guard, rel=1e-3)
    assert (found["skipped"], found["stopped"]) == (0, False)
    assert found["shipped"] == pytest.approx(Model(learner).score(rows[:1])[0], rel=1e-5)


def test_the_guard_of_the_browser_stops_where_pythons_does(page, learner, rows):
    page.open(OPEN)
    flat = [[float(value) for value in row.reshape(-1)] for row in rows]
    how = {"steps": 300, "seed": 3, "learningRate": 1e-2, "guardNats": 4.0}
    found = page.call(ADAPT, flat, how)
    done = Model(learner).adapt(rows, steps=300, seed=3, learning_rate=1e-2, guard_nats=4.0)
    assert (found["stopped"], done.stopped) == (True, True)
    assert len(found["losses"]) == len(done.losses) < 300


def test_steps_that_are_not_finite_change_nothing(page, learner):
    page.open(OPEN)
    huge = [[1e30] * 32] * 20
    found = page.call(ADAPT, huge, {"steps": 5})
    assert found["skipped"] == 5
    np.testing.assert_array_equal(found["state"], Model(learner)._state())


def test_a_training_can_be_stopped(page, rows):
    page.open(OPEN)
    flat = [[float(value) for value in row.reshape(-1)] for row in rows]
    found = page.call(ADAPT, flat, {"steps": 1000, "stop": 7})
    assert len(found["losses"]) == 7


def test_what_is_learned_decides_at_once_and_comes_back(opened, learner, rows, tmp_path):
    page, model = opened, Model(learner)
    before = model.detect(rows[45:])["is_anomaly"].mean()
    said = learn(page, rows, steps=150, rate=0.003, guard=1000)
    model.adapt(rows[:45], steps=150, learning_rate=3e-3, guard_nats=1000.0)
    after = model.detect(rows[45:])["is_anomaly"].mean()
    assert before > after
    assert said == "150 steps."
    unusual = page.cells("#learn-facts")[0]
    assert unusual == [
        "Unusual, of 15 windows that were not learned",
        f"{100 * before:.3g}%",
        f"{100 * after:.3g}%",
    ]
    assert page.said("learn-words") == (
        "normal.csv: the first 45 windows are learned. The last 15 are not, and tell what it "
        "brings."
    )
    assert page.find("adapted").is_displayed()

    # The threshold of the windows that were not learned.
    own = page.find("learn-own")
    assert own.is_enabled()
    own.click()
    page.click("tab-judge")
    page.judge("window.csv", csv(rows[50:51]), "text/csv")
    score = float(page.find("verdict").get_attribute("data-score"))
    assert score == pytest.approx(model.score(rows[50:51])[0], rel=1e-4)
    _, high = limits(np.sort(model.score(rows[45:])), 0.1)
    assert f"{high:.4g}".rstrip("0") in page.said("verdict").replace("\N{MINUS SIGN}", "-")

    # What is downloaded is what Python reads.
    page.script(KEEP_DOWNLOADS)
    page.click("tab-learn")
    page.script("document.getElementById('learn-save').click()")
    ((name, content),) = page.call(DOWNLOADED)
    (tmp_path / name).write_bytes(base64.b64decode(content))
    other = Model(learner)
    other.restore(tmp_path / name)
    np.testing.assert_allclose(other.score(rows), model.score(rows), rtol=1e-4)

    # It is kept when the page is opened again, with its threshold.
    page.click("learn-keep")
    page.wait("return document.getElementById('learn-said').textContent.startsWith('Kept')")
    page.open(OPEN)
    assert page.find("adapted").is_displayed()
    page.click("tab-learn")
    assert page.said("learn-said").startswith("What was learned on ")
    assert page.find("learn-own").is_selected()
    page.click("tab-judge")
    page.judge("window.csv", csv(rows[50:51]), "text/csv")
    assert float(page.find("verdict").get_attribute("data-score")) == score

    # Back to the shipped weights, and for good.
    page.click("tab-learn")
    page.click("learn-reset")
    page.wait("return document.getElementById('adapted').hidden")
    page.click("tab-judge")
    page.judge("window.csv", csv(rows[50:51]), "text/csv")
    shipped = Model(learner).score(rows[50:51])[0]
    assert float(page.find("verdict").get_attribute("data-score")) == pytest.approx(
        shipped, rel=1e-5
    )
    page.open(OPEN)
    assert not page.find("adapted").is_displayed()


def test_another_precision_and_back_keeps_what_was_learned(opened, rows):
    page = opened
    learn(page, rows, steps=20, guard=1000)
    page.set("preset", "int8-weights")
    page.wait("return document.getElementById('tab-learn').hidden")
    assert page.find("about").is_displayed()
    assert not page.find("adapted").is_displayed()
    page.set("preset", "float32")
    page.wait("return !document.getElementById('adapted').hidden")


def test_another_model_may_be_opened_while_one_learns(opened, rows):
    page = opened
    put(page, "learn-file", "normal.csv", csv(rows))
    page.wait("return !document.getElementById('learn-set').hidden")
    page.set("learn-steps", "100000")
    page.set("learn-guard", "1e9")
    page.script("document.getElementById('learn-start').click()")
    page.wait("return document.getElementById('learn-said').textContent.startsWith('Step')")
    page.set("preset", "int8-weights")
    page.wait("return document.getElementById('learn').ariaBusy === 'false'")
    page.set("preset", "float32")
    page.wait("return !document.getElementById('tab-learn').hidden")
    assert page.find("error").get_attribute("hidden")
    assert not page.find("adapted").is_displayed()


def test_what_python_learned_is_opened_and_other_files_are_refused(opened, learner, rows, tmp_path):
    page, model = opened, Model(learner)
    model.adapt(rows, steps=30, guard_nats=1e9)
    model.save(tmp_path / "learned.bin")
    content = (tmp_path / "learned.bin").read_bytes()
    put(page, "learn-load", "learned.bin", content)
    page.wait("return document.getElementById('learn-said').textContent.includes('learned.bin')")
    assert page.said("learn-said") == "What learned.bin holds is in use."
    broken = content[:300] + bytes([content[300] ^ 1]) + content[301:]
    for wrong, sentence in (
        (content[:-1], "is damaged, or is not what was saved for this model."),
        (broken, "is damaged, or is not what was saved for this model."),
        (b"", "is damaged, or is not what was saved for this model."),
    ):
        put(page, "learn-load", "wrong.bin", wrong)
        page.wait("return document.getElementById('error').textContent.startsWith('wrong.bin')")
        assert page.said("error") == f"wrong.bin {sentence}"
        (tmp_path / "wrong.bin").write_bytes(wrong)
        with pytest.raises(BundleError):
            Model(learner).restore(tmp_path / "wrong.bin")
    page.click("tab-judge")
    page.judge("window.csv", csv(rows[:1]), "text/csv")
    score = float(page.find("verdict").get_attribute("data-score"))
    assert score == pytest.approx(model.score(rows[:1])[0], rel=1e-4)


def test_wrong_settings_and_files_are_refused_in_a_sentence(opened, rows):
    page = opened
    put(page, "learn-file", "one.csv", csv(rows[:1]))
    page.wait("return !document.getElementById('error').hidden")
    assert page.said("error") == "Expected at least two windows to learn. Received: one"
    put(page, "learn-file", "normal.csv", csv(rows))
    page.wait("return !document.getElementById('learn-set').hidden")
    page.set("learn-steps", "0")
    page.click("learn-start")
    assert page.said("error").startswith("Expected at least one step, a positive learning rate")
    page.set("learn-steps", "30")
    page.set("learn-rate", "0.03")
    page.set("learn-guard", "0.5")
    page.script("document.getElementById('learn-start').click()")
    page.wait("return document.getElementById('learn-said').textContent.includes('Stopped by')")


def test_a_wrong_window_is_named_and_nothing_is_learned(opened, rows):
    page, wrong = opened, rows.copy()
    wrong[10, 3, 1] = np.nan
    learn(page, wrong, steps=30, guard=1000)
    assert page.said("error") == "Row 11: Expected x to be finite. Received: NaN or infinity"
    assert not page.find("adapted").is_displayed()
    assert not page.find("learn-keep").is_enabled()
    assert not page.find("learn-save").is_enabled()
    learn(page, rows, steps=2, guard=1000)
    assert page.find("learn-save").is_enabled()


def test_a_judged_window_that_is_refused_is_no_reason_to_learn_less(opened, rows):
    page, wrong = opened, rows[:1].copy()
    wrong[0, 3, 1] = np.nan
    page.click("tab-judge")
    page.judge("window.csv", csv(wrong), "text/csv")
    page.click("tab-learn")
    learn(page, rows, steps=2, guard=1000)
    assert page.said("learn-said") == "2 steps."
    assert page.find("learn-facts").is_displayed()
    assert page.find("learn-own").is_enabled()
    assert page.said("error") == "Expected x to be finite. Received: NaN or infinity"


def test_what_was_learned_before_an_error_is_in_use_and_the_page_says_so(opened, rows):
    page = opened
    page.call(BREAK, 31)  # after the first check of the guard
    learn(page, rows, steps=40, guard=1000)
    assert page.said("error") == "The device is lost."
    assert page.find("adapted").is_displayed()
    assert page.find("learn-save").is_enabled()
    page.set("preset", "int8-weights")
    page.wait("return document.getElementById('adapted').hidden")
    page.set("preset", "float32")
    page.wait("return !document.getElementById('adapted').hidden")


def test_another_training_decides_by_the_threshold_of_the_bundle_again(opened, learner, rows):
    page = opened
    learn(page, rows, steps=150, rate=0.003, guard=1000)
    page.find("learn-own").click()
    learn(page, rows, steps=1, rate=1e-9)
    assert not page.find("learn-own").is_selected()
    page.click("tab-judge")
    page.judge("window.csv", csv(rows[50:51]), "text/csv")
    artefacts = Model(learner).manifest["artefacts"]
    (high,) = (each["calibration"]["high"] for each in artefacts if each["preset"] == "float32")
    assert f"{high:.4g}".rstrip("0") in page.said("verdict").replace("\N{MINUS SIGN}", "-")


def test_few_windows_make_no_threshold_of_their_own(opened, rows):
    page = opened
    learn(page, rows[:20], steps=2, guard=1000)
    assert not page.find("learn-own").is_enabled()
    assert page.said("learn-own-words") == (
        "A threshold of its own, for 10% false alarms, needs 9 windows that are not learned, so "
        "36 in all"
    )


def test_a_file_that_does_not_train_has_no_such_tab(page):
    page.open("?bundle=bundles/digits/")
    assert not page.find("tab-learn").is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tab_fits_every_screen_and_axe_finds_nothing(opened, screen, rows, scheme):
    page = opened
    learn(page, rows, steps=30, guard=1000)
    screen(1280, scheme)
    assert page.axe() == []
    for width in (320, 360, 768, 1280, 2560):
        screen(width, scheme)
        assert page.script("return document.documentElement.scrollWidth") <= width


SOURCE = """
const [contents, done] = arguments;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Kind } = await import(new URL("kind.js", document.baseURI));
  const { sourceOf } = await import(new URL("source.js", document.baseURI));
  const kind = new Kind((await openBundle("bundles/digits/")).manifest);
  const files = contents.map((content, index) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    return new File([bytes], `${index}.png`, { type: "image/png" });
  });
  const { count, example, words } = await sourceOf(files, kind);
  return [count, words, Array.from({ length: count }, (_, row) => [...example(row)])];
})().then(done, (error) => done(String(error)));
"""


def test_several_pictures_are_as_many_examples(page):
    page.open("?bundle=bundles/digits/")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype="uint8")
    contents = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "png")
        contents.append(base64.b64encode(file.getvalue()).decode())
    count, words, examples = page.call(SOURCE, contents)
    assert (count, words) == (3, ["3 pictures"])
    np.testing.assert_allclose(examples, pictures.reshape(3, 64) / 255.0, atol=1e-6)
