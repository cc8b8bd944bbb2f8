"""Models of other kinds on the page: conditions, codes, series and tables."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from kvae.export import runtime
from tests.clients.shown import assert_shows, png
from tests.helpers import relative

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
SAMPLE_TOLERANCE = 1e-4


def test_a_condition_is_a_menu_and_stands_in_the_address(page, conditional_bundle):
    page.open("?bundle=bundles/conditional/&z=0.5,-1")
    assert page.find("input-condition").tag_name == "select"
    page.set("input-condition", "2", "change")
    expected = conditional_bundle.vae.decode(np.array([[0.5, -1.0]]), condition=[2])[0]
    assert_shows(page.shown(), expected)
    assert "condition=2" in page.browser.current_url
    page.open(page.browser.current_url[len(page.address) :])
    assert page.find("input-condition").get_attribute("value") == "2"
    assert_shows(page.shown(), expected)


def test_models_without_axes_can_be_drawn_from(page):
    for name in ("codes", "hierarchy"):
        page.open(f"?bundle=bundles/{name}/")
        assert page.error() == ""
        assert page.said() == "Draw 0 from the prior"
        assert not page.find("explorable").is_displayed()
        assert page.find("not-explorable").is_displayed()


def test_a_file_without_draws_shows_random_points(page):
    page.open("?bundle=bundles/factor/")
    assert page.error() == ""
    z = [float(number) for number in page.browser.current_url.split("z=")[1].split(",")]
    assert len(z) == 2
    assert any(z)
    model = runtime.Model(page.root / "bundles" / "factor")
    cells = [float(row[1]) for row in page.cells("#picture")]
    np.testing.assert_allclose(cells, model.decode(np.array([z], "float32"))[0], rtol=6e-4)
    before = page.browser.current_url
    page.click("next")
    assert page.browser.current_url != before


def test_a_file_that_only_scores_judges_data(page, client_bundle, digits):
    """As `AnomalyDetector.export` writes it."""
    folder = page.root / "detector"
    shutil.copytree(page.root / "bundles" / "digits", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for artefact in manifest["artefacts"]:
        kept = {name: artefact["signatures"][name] for name in ("score", "reconstruct")}
        artefact["signatures"] = kept
    (folder / "manifest.json").write_text(json.dumps(manifest))
    content = {file.name: file.read_bytes() for file in folder.iterdir()}
    del content["SHA256SUMS"]
    (folder / "SHA256SUMS").write_text(runtime.sums_of(content))
    page.open("?bundle=detector&preset=float32")
    assert page.error() == ""
    assert not page.find("view").is_displayed()
    assert not page.find("tab-explore").is_displayed()
    x = (np.round(255 * digits[1][260]) / 255).astype("float32")
    page.judge("digit.png", png(x))
    assert page.score() == pytest.approx(client_bundle.vae.score(x[None])[0], rel=TOLERANCE)


def test_a_series_is_drawn_as_a_line_for_each_channel(page, raw_models):
    page.open("?bundle=bundles/sensor/&seed=2")
    drawn = raw_models["sensor"].vae.sample(1, seed=2, kind="mean")[0]
    low, high = drawn.min(axis=0), drawn.max(axis=0)  # nothing else was seen yet, or the ends
    lines = page.lines("#picture")
    assert lines.shape == (64, 3)
    scaled = (drawn - low) / (high - low)
    spread = np.ptp(lines, axis=0)
    np.testing.assert_allclose((lines - lines.min(axis=0)) / spread, scaled, atol=2e-3)
    name, content = page.downloaded("save")
    assert name == "sensor-draw-2.csv"
    found = pd.read_csv(io.BytesIO(content)).to_numpy()
    assert relative(found, drawn) < SAMPLE_TOLERANCE


def test_a_row_is_a_table_in_the_units_of_the_data(page, table_bundle):
    page.open("?bundle=bundles/people/&seed=5")
    drawn = table_bundle.vae.sample(1, seed=5, kind="mean")
    expected = table_bundle.schema.to_frame(drawn).iloc[0]
    cells = {name: value for name, value, *_ in page.cells("#picture")}
    assert cells["city"] == expected["city"]
    assert float(cells["height"]) == pytest.approx(expected["height"], abs=0.051)
    assert int(cells["age"]) == pytest.approx(expected["age"], abs=1)
    assert cells["joined"] == f"{expected['joined']:%Y-%m-%d}"
    page.settle_axes()
    assert any(name in page.said("axes") for name in ("Oslo", "Rome", "La Paz", "2020-", "2021-"))


def test_what_is_made_stays_in_the_range_of_the_table_and_what_is_given_does_not(
    page, table_bundle, tmp_path
):
    page.open("?bundle=bundles/people/&z=40,-40")
    decoded, schema = table_bundle.vae.decode([[40.0, -40.0]]), table_bundle.schema
    expected = schema.to_frame(decoded).iloc[0]
    beyond = schema.without_range().to_frame(decoded).iloc[0]
    assert expected["height"] != beyond["height"]
    assert expected["age"] != beyond["age"]
    cells = {name: value for name, value, *_ in page.cells("#picture")}
    assert float(cells["height"]) == pytest.approx(expected["height"], abs=0.051)
    assert int(cells["age"]) == pytest.approx(expected["age"], abs=1)
    assert cells["joined"] == f"{expected['joined']:%Y-%m-%d}"
    path = tmp_path / "giant.csv"
    table_bundle.frame.iloc[:1].assign(height=300.0).to_csv(path, index=False)
    page.click("tab-judge")
    page.find("file").send_keys(str(path))
    page.wait("return document.getElementById('judged-words').textContent !== ''")
    page.wait_judged()
    (height,) = (row for row in page.cells("#panels") if row[0] == "height")
    assert height[1] == "300.0"


# Holds back what is fetched of a bundle.
HOLD = """
const [name] = arguments;
const { fetch } = globalThis;
const released = new Promise((resolve) => { globalThis.release = resolve; });
globalThis.fetch = async (address, ...more) => {
  if (String(address).includes(`/${name}/`)) await released;
  return fetch(address, ...more);
};
"""
RELEASE = """
const done = arguments[0];
globalThis.release();
setTimeout(() => done(document.getElementById("name").textContent), 1000);
"""


def test_of_two_bundles_that_are_chosen_the_later_one_is_shown(page):
    page.open()
    options = page.script(
        "return [...document.getElementById('bundle').options].map((each) => each.value)"
    )
    first, second = (
        next(address for address in options if f"/{name}" in address)
        for name in ("conditional", "people")
    )
    page.script(HOLD, "conditional")
    page.set("bundle", first, "change")
    page.set("bundle", second, "change")
    page.wait("return document.getElementById('name').textContent === 'people'")
    page.wait("return document.getElementById('loading').hidden")
    assert page.call(RELEASE) == "people"
    assert page.error() == ""
    assert page.find("workbench").is_displayed()
    assert not page.script("return document.getElementById('input-condition')")
