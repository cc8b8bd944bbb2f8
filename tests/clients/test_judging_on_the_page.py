"""The tab Judge as a person uses it: scores and repairs, compared with Keras."""

import json

import numpy as np
import pandas as pd
import pytest

from kvae.export import runtime
from tests.clients.learner import CHANNELS
from tests.clients.page import flat
from tests.clients.shown import assert_shows, png
from tests.sensor import machine

pytestmark = pytest.mark.slow

MINUS = "\u2212"
TOLERANCE = 1e-5
SAMPLE_TOLERANCE = 1e-4


def contributions(vae, x, repaired, parts):
    """By how much the score of x falls where each part is replaced, by Keras."""
    changed = np.repeat(flat(x[None]), len(parts), axis=0)
    for row, part in enumerate(parts):
        changed[row, part] = np.ravel(repaired)[part]
    return vae.score(x[None])[0] - vae.score(changed.reshape(len(parts), *x.shape))


def test_a_picture_is_judged(page, client_bundle, digits):
    x = (np.round(255 * digits[1][250]) / 255).astype("float32")
    page.open("?preset=float32")
    page.script("document.getElementById('tab-judge').click()")
    page.judge("seven.png", png(x))
    assert page.error() == ""
    expected = {name: value[0] for name, value in client_bundle.decoder.detect(x[None]).items()}
    assert page.score() == pytest.approx(client_bundle.vae.score(x[None])[0], rel=TOLERANCE)
    said = page.said("verdict")
    assert said.startswith("Unusual." if expected["is_anomaly"] else "Normal.")
    p = float(page.script("return document.getElementById('verdict').dataset.p"))
    assert p == pytest.approx(expected["p_value"])
    made = client_bundle.vae.reconstruct(x[None])[0]
    assert_shows(page.pixels("#panels figure:nth-child(1) canvas"), x)
    assert_shows(page.pixels("#panels figure:nth-child(2) canvas"), made)
    difference = page.script(
        "return document.querySelector('#panels figure:nth-child(3) canvas').dataset.values"
    )
    np.testing.assert_allclose(json.loads(difference), np.ravel(x - made), atol=TOLERANCE)
    found = contributions(client_bundle.vae, x, made, [[index] for index in range(64)])
    np.testing.assert_allclose(page.contributions(), found, atol=1e-3)
    assert page.find("distribution").is_displayed()
    label = "return document.querySelector('#distribution .limit-label').textContent"
    high = client_bundle.decoder.bundle.artefact("float32")["calibration"]["high"]
    assert page.script(label) == f"threshold {high:.4g}"


def test_a_large_picture_is_cut_and_resized(page):
    large = np.zeros((64, 96))
    large[:, 48:] = 1.0
    page.open()
    page.judge("large.png", png(large))
    assert page.said("judged-words") == "large.png, resized from 96 \u00d7 64 to 8 \u00d7 8"
    shown = page.pixels("#panels figure:nth-child(1) canvas")[..., 0]
    assert np.all(shown[:, :3] == 0)
    assert np.all(shown[:, 5:] == 255)
    page.script("document.getElementById('invert').click()")
    page.wait_judged()
    assert np.array_equal(page.pixels("#panels figure:nth-child(1) canvas")[..., 0], 255 - shown)


def test_what_is_shown_is_judged(page, client_bundle):
    page.open("?preset=float32&seed=6")
    page.script("document.getElementById('judge-shown').click()")
    page.wait_judged()
    drawn = client_bundle.vae.sample(1, seed=6, kind="mean")
    assert page.score() == pytest.approx(client_bundle.vae.score(drawn)[0], rel=SAMPLE_TOLERANCE)


DESCRIBED = """
const [event_shape, done] = arguments;
const told = import(new URL("about.js", document.baseURI));
told.then(({ fallback }) => done(fallback({ model: { event_shape } })));
"""


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((16, 12, 1), "grey pictures of 12 x 16 pixels"),
        ((8, 8, 3), "colour pictures of 8 x 8 pixels"),
        ((64, 3), "examples of 64 x 3"),
    ],
)
def test_a_model_without_a_description_is_named_by_its_examples(page, shape, words):
    page.open()
    found = page.call(DESCRIBED, list(shape))
    assert found.replace("\u00d7", "x") == f"A variational autoencoder of {words}."


def test_a_window_is_judged(page, raw_models):
    made = raw_models["sensor"]
    page.open("?bundle=bundles/sensor/")
    text = "\n".join(",".join(map(repr, row)) for row in made.x[:2].reshape(-1, 3).tolist())
    page.judge("windows.csv", f"p,q,v\n{text}\n".encode(), "text/csv")
    assert page.error() == ""
    assert page.score() == pytest.approx(made.expected[0], rel=1e-4)
    assert "holds no threshold" in page.said("verdict")
    page.set("row", 2, "change")
    page.wait("return document.getElementById('judged-words').textContent.endsWith('window 2')")
    page.wait_judged()
    assert page.score() == pytest.approx(made.expected[1], rel=1e-4)
    x = made.x[1]
    steps = np.arange(x.size) // 3 * 21 // 64
    parts = [
        np.flatnonzero((np.arange(x.size) % 3 == c) & (steps == s))
        for c in range(3)
        for s in range(21)
    ]
    found = contributions(made.vae, x, made.vae.reconstruct(x[None])[0], parts)
    np.testing.assert_allclose(page.contributions(), found, atol=2e-3 * np.abs(found).max())


def test_channels_have_names_and_a_file_its_columns_in_any_order(page, learner):
    page.open("?bundle=bundles/learner/")
    names = "[...document.querySelectorAll('#picture .ends')].map((e) => e.children[1].textContent)"
    assert page.script(f"return {names}") == CHANNELS
    window = machine(np.random.default_rng(5), 1)
    expected = runtime.Model(learner).score(window)[0]
    hour = pd.date_range("2026-01-01", periods=16, freq="h")
    frame = pd.DataFrame({"note": "x", "oil, bar": window[0, :, 1], "time": hour})
    frame["vibration"] = window[0, :, 0]
    for columns in (list(frame), CHANNELS, ["time", *CHANNELS]):
        page.judge("window.csv", frame[columns].to_csv(index=False).encode(), "text/csv")
        found = float(page.find("verdict").get_attribute("data-score"))
        assert found == pytest.approx(expected, rel=1e-5), columns
    assert "the columns vibration, oil, bar, perhaps one of dates" in page.said("accepted")
    page.judge("window.csv", frame[["vibration"]].to_csv(index=False).encode(), "text/csv")
    assert "16 lines or more of 2 numbers" in page.error()


def test_windows_beside_dates_cross_no_gap_in_time(page, raw_models):
    made = raw_models["sensor"]
    page.open("?bundle=bundles/sensor/")
    rows = np.concatenate([made.x[0], made.x[0, :6], made.x[1]]).tolist()
    time = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(134), "s")
    time += pd.to_timedelta(3600 * (np.arange(134) >= 70), "s")  # 6 rows before it are left over
    lines = [f"{when},{','.join(map(repr, row))}" for when, row in zip(time, rows, strict=True)]
    page.judge("windows.csv", "\n".join(["time,p,q,v", *lines]).encode(), "text/csv")
    assert page.error() == ""
    assert page.script("return document.getElementById('row-name').textContent") == "window of 2"
    assert page.score() == pytest.approx(made.expected[0], rel=1e-4)
    page.set("row", 2, "change")
    page.wait("return document.getElementById('judged-words').textContent.includes('window 2')")
    page.wait_judged()
    assert page.score() == pytest.approx(made.expected[1], rel=1e-4)
    assert "2024-03-01 01:01:10 to 2024-03-01 01:02:13" in page.said("judged-words")
    page.judge("back.csv", "\n".join([*lines, lines[0]]).encode(), "text/csv")
    assert "Expected dates that increase from line to line" in page.error()


def test_a_row_of_a_table_is_judged(page, table_bundle, tmp_path):
    page.open("?bundle=bundles/people/")
    frame = table_bundle.frame[["joined", "city", "age", "height"]]  # in another order
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    page.click("tab-judge")
    page.find("file").send_keys(str(path))  # chosen, not dropped
    page.wait("return document.getElementById('judged-words').textContent !== ''")
    page.wait_judged()
    assert page.error() == ""
    page.set("row", 4, "change")
    page.wait("return document.getElementById('judged-words').textContent.endsWith('row 4')")
    page.wait_judged()
    vae, x = table_bundle.vae, table_bundle.x[3]
    assert page.score() == pytest.approx(vae.score(x[None])[0], rel=1e-4)
    made = vae.reconstruct(x[None])
    repaired = vae.named_inputs().domain("x").as_data(made)[0]
    found = contributions(vae, x, repaired, [[index] for index in range(4)])
    rows = page.cells("#panels")
    assert [row[0] for row in rows] == ["city", "height", "age", "joined"]
    assert [row[1] for row in rows] == [
        frame["city"][3],
        f"{frame['height'][3]:.1f}",
        str(frame["age"][3]),
        f"{frame['joined'][3]:%Y-%m-%d}",
    ]
    said = [float(row[3].replace(MINUS, "-")) for row in rows]
    np.testing.assert_allclose(said, found, rtol=6e-3, atol=2e-3)  # three digits


def test_all_rows_of_a_file_are_judged_and_the_unusual_ones_are_a_click_away(page, table_bundle):
    frame = table_bundle.frame[:30].copy()
    frame.loc[[4, 21], "height"] = 400.0
    found = table_bundle.decoder.detect(table_bundle.schema.to_array(frame))
    unusual = [int(row) for row in np.flatnonzero(found["is_anomaly"])]
    assert {4, 21} <= set(unusual)
    assert len(unusual) < 30
    page.open("?bundle=bundles/people/")
    page.click("tab-judge")
    page.judge("people.csv", frame.to_csv(index=False).encode(), "text/csv")
    page.wait("return document.getElementById('overview').ariaBusy === 'false'")
    assert page.said("overview-words") == f"30 rows, {len(unusual)} unusual"
    row = "return Number(document.getElementById('row').value) - 1"
    after = [each for each in unusual if each > 0]
    way = [("next", after[0]), ("next", after[1]), ("before", after[0])]
    for step, expected in way:
        page.click(f"unusual-{step}")
        page.wait_judged()
        assert page.script(row) == expected
        assert page.said("verdict").startswith("Unusual.")
        assert page.score() == pytest.approx(found["score"][expected], rel=1e-4)
    page.judge("one.csv", frame[:1].to_csv(index=False).encode(), "text/csv")
    assert not page.find("overview").is_displayed()


@pytest.mark.parametrize(
    ("bundle", "name", "content", "sentence"),
    [
        (
            "digits",
            "a.png",
            b"no picture",
            "Expected a picture that the browser can read. Received: a.png",
        ),
        (
            "sensor",
            "a.csv",
            b"1,2,3\n4,5,6\n",
            "Expected a CSV file with 64 lines or more of 3 numbers. Received: 2 lines",
        ),
        ("sensor", "a.csv", b"1,2\n" * 64, "Received: line 1 with 1, 2"),
        (
            "people",
            "a.csv",
            b"city,height\nRome,170\n",
            "Expected a CSV file with a line of names, among them city, height, age, joined",
        ),
        (
            "people",
            "a.csv",
            b"city,height,age,joined\nParis,170,100020,2020-02-03\n",
            "Expected one of La Paz, Oslo, Rome in the column city. Received: Paris",
        ),
        (
            "people",
            "a.csv",
            b"city,height,age,joined\nRome,tall,100020,2020-02-03\n",
            "Expected a number in the column height. Received: tall",
        ),
        (
            "people",
            "a.csv",
            b"city,height,age,joined\nRome,170,100020,soon\n",
            "Expected a date without a time zone such as 2024-01-31 in the column joined. "
            "Received: soon",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_refused_in_a_sentence(
    page, bundle, name, content, sentence
):
    page.open(f"?bundle=bundles/{bundle}/")
    page.judge(name, content)
    assert sentence in page.error()
