"""The page where values are missing: what it imputes against Keras."""

import io

import numpy as np
import pytest
from PIL import Image

from kvae.export import runtime
from tests.clients.shown import assert_shows
from tests.helpers import relative

pytestmark = pytest.mark.slow

MINUS = "\u2212"
TOLERANCE = 1e-5
IMPUTE = """
const [address, rows, done] = arguments;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Model } = await import(new URL("model.js", document.baseURI));
  const model = await Model.load(await openBundle(address));
  const found = [];
  for (const [place, row] of rows.entries()) {
    found.push([...(await model.impute(row.map((value) => value ?? NaN), place))]);
  }
  model.delete();
  return found;
})().then(done, (error) => done(String(error)));
"""
TICK = """
const [name] = arguments;
const labels = [...document.querySelectorAll("#gap-choices label")];
labels.find((label) => label.textContent.trim() === name).firstChild.click();
"""


def tick(page, name):
    """Take a part as missing, or not any more."""
    page.script("document.getElementById('judged-words').textContent = ''")
    page.script(TICK, name)
    page.wait_judged()


def with_gaps(x, share=0.3):
    missing = np.random.default_rng(4).uniform(size=x.shape) < share
    missing[0] = True
    return np.where(missing, np.nan, x).astype("float32")


def picture(page, place):
    return page.pixels(f"#panels figure:nth-child({place}) canvas")


@pytest.mark.parametrize("kind", ["survey", "holed", "outage"])
def test_the_browser_imputes_what_keras_imputes(page, gap_models, kind):
    made = gap_models[kind]
    gaps = with_gaps(made.x[:5])
    page.open(f"?bundle=bundles/{kind}/")
    rows = [[None if np.isnan(v) else float(v) for v in np.ravel(row)] for row in gaps]
    found = page.call(IMPUTE, f"bundles/{kind}/", rows)
    assert not isinstance(found, str), found
    assert relative(np.reshape(found, gaps.shape), made.vae.impute(gaps, seed=0)) < TOLERANCE


def test_empty_cells_of_a_table_are_imputed_beside_the_given_ones(page, gap_models):
    made = gap_models["survey"]
    frame = made.schema.to_frame(made.x[:3])
    text = frame.to_csv(index=False).splitlines()
    cells = [line.split(",") for line in text]
    cells[2][0] = cells[2][2] = ""  # city and age of the second row
    x = made.x[:3].copy()
    x[1, [0, 2]] = np.nan
    expected = made.schema.to_frame(made.vae.impute(x, seed=0)).iloc[1]
    page.open("?bundle=bundles/survey/")
    page.click("tab-judge")
    page.judge("survey.csv", "\n".join(map(",".join, cells)).encode(), "text/csv")
    assert page.error() == ""
    assert page.cells("#panels")[0][1] == cells[1][0]
    page.script("document.getElementById('judged-words').textContent = ''")
    page.set("row", 2, "change")
    page.wait_judged()
    assert page.said("judged-words") == "survey.csv, row 2, 2 of 4 values missing"
    rows = page.cells("#panels")
    assert [row[1] for row in rows] == ["missing", cells[2][1], "missing", cells[2][3]]
    assert [row[2] for row in rows] == [expected["city"], "", str(expected["age"]), ""]
    assert page.score() == pytest.approx(made.vae.score(x[1:2])[0], rel=1e-4)
    tick(page, "height")
    x[1, 1] = np.nan
    expected = made.schema.to_frame(made.vae.impute(x, seed=0)).iloc[1]
    rows = page.cells("#panels")
    assert [row[1] for row in rows] == ["missing", "missing", "missing", cells[2][3]]
    assert float(rows[1][2]) == pytest.approx(expected["height"], abs=0.051)
    assert [row[3] for row in rows] == ["", cells[2][1], "", ""]
    assert "There is no verdict" in page.said("verdict")
    assert page.score() == pytest.approx(made.vae.score(x[1:2])[0], rel=1e-4)
    assert page.find("gap-words").is_displayed()
    assert not page.find("contribution-words").is_displayed()


def test_a_part_of_a_picture_is_erased_and_imputed(page, gap_models):
    made = gap_models["holed"]
    x = (np.round(255 * made.x[3]) / 255).astype("float32")
    file = io.BytesIO()
    Image.fromarray(np.round(255 * x[..., 0]).astype("uint8")).save(file, "PNG")
    page.open("?bundle=bundles/holed/")
    page.click("tab-judge")
    page.judge("noise.png", file.getvalue())
    assert_shows(picture(page, 1), x)
    tick(page, "top")
    assert page.error() == ""
    gaps = x.copy()
    gaps[:4] = np.nan
    imputed = made.vae.impute(gaps[None], seed=0)[0]
    given = picture(page, 1)
    assert np.all(given[:4, :, 3] == 0)
    assert_shows(given[4:], x[4:])
    assert_shows(picture(page, 2), imputed)
    assert_shows(picture(page, 3), x)
    assert page.score() == pytest.approx(made.vae.score(gaps[None])[0], rel=1e-4)
    tick(page, "middle")
    gaps[2:6, 2:6] = np.nan
    assert_shows(picture(page, 2), made.vae.impute(gaps[None], seed=0)[0])
    for name in ("top", "middle"):
        tick(page, name)
    assert page.said("judged-words") == "noise.png"
    assert not page.find("gap-words").is_displayed()
    assert page.find("no-reconstruction").is_displayed()


def test_a_line_drawn_over_a_picture_erases_it_until_it_is_undone(page, gap_models):
    made = gap_models["holed"]
    shades = np.round(255 * made.x[4, ..., 0]).astype("uint8")
    x = (shades[..., None] / 255).astype("float32")
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "PNG")
    page.open("?bundle=bundles/holed/")
    page.click("tab-judge")
    page.judge("noise.png", file.getvalue())
    assert not page.find("gap-undo").is_displayed()
    given = "#panels figure:first-child canvas"
    page.draw(given, (1.5 / 8, 2.5 / 8), (5.5 / 8, 2.5 / 8))  # along the third row of pixels
    assert page.error() == ""
    gaps = x.copy()
    gaps[2, 1:6] = np.nan
    assert page.said("judged-words") == "noise.png, 5 of 64 values missing"
    np.testing.assert_array_equal(picture(page, 1)[..., 3] == 0, np.isnan(gaps[..., 0]))
    assert_shows(picture(page, 2), made.vae.impute(gaps[None], seed=0)[0])
    assert page.score() == pytest.approx(made.vae.score(gaps[None])[0], rel=1e-4)
    page.draw(given, (6.5 / 8, 6.5 / 8))  # one pixel more
    gaps[6, 6] = np.nan
    np.testing.assert_array_equal(picture(page, 1)[..., 3] == 0, np.isnan(gaps[..., 0]))
    tick(page, "top")
    gaps[:4] = np.nan
    np.testing.assert_array_equal(picture(page, 1)[..., 3] == 0, np.isnan(gaps[..., 0]))
    tick(page, "top")
    page.script("document.getElementById('judged-words').textContent = ''")
    page.click("gap-undo")
    page.wait_judged()
    assert page.said("judged-words") == "noise.png"
    assert_shows(picture(page, 1), x)
    assert not page.find("gap-undo").is_displayed()
    page.draw(given, (0.5, 0.5))
    page.judge("noise.png", file.getvalue())  # opened anew it is whole
    assert_shows(picture(page, 1), x)


def test_a_line_drawn_over_a_channel_erases_its_samples(page, gap_models):
    made = gap_models["outage"]
    x = made.x[6].copy()
    text = "\n".join(",".join(repr(float(value)) for value in row) for row in x)
    page.open("?bundle=bundles/outage/")
    page.click("tab-judge")
    page.judge("outage.csv", text.encode(), "text/csv")
    page.draw("#panels .channel-1 svg", (4 / 31, 0.5), (9 / 31, 0.5))
    assert page.error() == ""
    x[4:10, 1] = np.nan
    assert page.said("judged-words") == "outage.csv, 6 of 64 values missing"
    assert page.score() == pytest.approx(made.vae.score(x[None])[0], rel=1e-4)
    page.draw("#panels .lanes", (0.999, 0.02), (0.999, 0.98))  # the last sample of both
    x[31] = np.nan
    assert page.score() == pytest.approx(made.vae.score(x[None])[0], rel=1e-4)


def test_transparent_pixels_of_a_picture_are_missing(page, gap_models):
    made = gap_models["holed"]
    shades = np.round(255 * made.x[5, ..., 0]).astype("uint8")
    alpha = np.full((8, 8), 255, "uint8")
    alpha[:, 5:] = 0
    file = io.BytesIO()
    Image.fromarray(np.stack([shades, shades, shades, alpha], -1)).save(file, "PNG")
    gaps = (shades[..., None] / 255).astype("float32")
    gaps[:, 5:] = np.nan
    page.open("?bundle=bundles/holed/")
    page.judge("torn.png", file.getvalue())
    assert page.said("judged-words") == "torn.png, 24 of 64 values missing"
    assert_shows(picture(page, 2), made.vae.impute(gaps[None], seed=0)[0])


def test_gaps_of_a_series_are_drawn_over_with_a_broken_line(page, gap_models):
    made = gap_models["outage"]
    x = made.x[7].copy()
    x[10:20, 1] = np.nan
    text = "\n".join(",".join("" if np.isnan(v) else repr(float(v)) for v in row) for row in x)
    page.open("?bundle=bundles/outage/")
    page.judge("outage.csv", text.encode(), "text/csv")
    assert page.error() == ""
    assert page.said("judged-words") == "outage.csv, 10 of 64 values missing"
    paths = "return [...document.querySelectorAll(arguments[0])].map((p) => p.getAttribute('d'))"
    line, broken = (page.script(paths, f"#panels path.{name}")[1] for name in ("line", "ghost"))
    assert line.count("M") == 2  # it is lifted over the gap
    heights = np.array([part.split(" ")[1] for part in broken[1:].split("L")], float)
    imputed = made.vae.impute(x[None], seed=0)[0, :, 1]
    ends = page.script("""
      return [...document.querySelectorAll("#panels .ends")].slice(1, 2).map((ends) =>
        [ends.lastChild.textContent, ends.firstChild.textContent])[0];
    """)
    low, high = (float(text.replace(MINUS, "-")) for text in ends)
    np.testing.assert_allclose(low + (high - low) * (1 - heights / 100), imputed, atol=2e-3)


def test_only_a_model_that_imputes_offers_to_take_parts_as_missing(page):
    page.open()
    page.click("tab-judge")
    page.script("document.getElementById('judge-shown').click()")
    page.wait_judged()
    assert "impute" not in runtime.Model(page.root / "bundles" / "digits").signatures
    assert not page.find("gaps").is_displayed()
