"""The page as a person uses it: every control, with its numbers compared with Keras."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageSequence
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kvae.export import runtime
from tests.clients.learner import CHANNELS
from tests.clients.page import flat
from tests.helpers import relative
from tests.sensor import machine

pytestmark = pytest.mark.slow

MINUS, TIMES = "\u2212", "\u00d7"
TOLERANCE = 1e-5
SAMPLE_TOLERANCE = 1e-4


def shades(picture):
    """A grey picture in [0, 1] as a canvas shows it, (height, width, 3)."""
    return np.repeat(np.round(255 * np.asarray(picture)), 3, axis=-1)


def assert_shows(pixels, picture):
    """Assert that a canvas shows a picture, a rounding apart."""
    assert np.max(np.abs(pixels[..., :3].astype(int) - shades(picture))) <= 1


def png(picture):
    """A picture in [0, 1] as the content of a file."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * np.squeeze(picture)).astype("uint8")).save(file, "PNG")
    return file.getvalue()


# -- start ---------------------------------------------------------------------------------------


def test_the_page_starts_with_a_draw_its_name_and_its_health_in_one_screen(page, client_bundle):
    page.open()
    assert page.error() == ""
    assert page.said() == "Draw 0 from the prior"
    assert_shows(page.shown(), client_bundle.vae.sample(1, seed=0, kind="mean")[0])
    assert page.find("name").text == "digits"
    assert page.find("description").text == "Handwritten digits."
    assert page.find("trained").text == "Trained on: 512 digits."
    verdict = client_bundle.decoder.manifest["diagnosis"]["verdict"]
    assert page.find("health").text.endswith(verdict["state"].replace("_", " "))
    for name in ("name", "trained", "health", "picture", "shown", "next"):
        assert page.find(name).rect["y"] + page.find(name).rect["height"] < 760, name


def test_about_says_what_the_manifest_says(page, client_bundle):
    manifest = client_bundle.decoder.manifest
    page.open()
    page.click("tab-about")
    assert page.find("advice").text == manifest["diagnosis"]["verdict"]["advice"]
    for finding in manifest["diagnosis"]["findings"]:
        assert finding["sentence"] in page.find("findings").text
    rows = page.cells(".files")
    assert [row[0] for row in rows] == [each["preset"] for each in manifest["artefacts"]]


def test_only_files_of_the_page_are_loaded(page):
    page.open()
    loaded = page.script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert loaded
    assert all(name.startswith((page.address, "data:")) for name in loaded)


def test_a_page_opened_as_a_file_says_that_it_needs_a_server(page):
    page.browser.get((page.root / "index.html").as_uri())
    page.wait("return document.getElementById('loading').hidden")
    assert "This page has to come from a web server" in page.error()


def test_the_own_server_shows_the_page(page, client_bundle):
    import threading

    from kvae.export.web.litert_js import PAGE
    from kvae.export.web.server import Server
    from kvae.export.web.site import Site

    with Server(Site([client_bundle.path], PAGE / "node_modules"), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        before, page.address = page.address, server.address
        try:
            page.open()
            assert page.error() == ""
            assert_shows(page.shown(), client_bundle.vae.sample(1, seed=0, kind="mean")[0])
        finally:
            page.address = before
            server.shutdown()
            thread.join()


# -- explore -------------------------------------------------------------------------------------


def test_draws_are_those_of_keras_and_set_the_sliders(page, client_bundle):
    page.open()
    page.click("next")
    assert page.said() == "Draw 1 from the prior"
    page.set("seed", 7)
    assert page.said() == "Draw 7 from the prior"
    assert_shows(page.shown(), client_bundle.vae.sample(1, seed=7, kind="mean")[0])
    z = client_bundle.decoder.run("sample", seed=[[0, 7]])["z"][0]
    for axis in client_bundle.decoder.manifest["axes"]:
        said = float(page.said(f"axis-{axis['index']}-value").replace(MINUS, "-"))
        assert abs(said - z[axis["index"]]) <= 0.006  # two digits


def test_a_slider_decodes_at_once_and_says_its_value(page, client_bundle):
    axes = client_bundle.decoder.manifest["axes"]
    page.open("?preset=float32&seed=3")
    found = page.script("return [...document.querySelectorAll('#axes input')].map((i) => i.id)")
    assert found == [f"axis-{axis['index']}" for axis in axes]
    z = client_bundle.decoder.run("sample", seed=[[0, 3]])["z"][0]
    slider = page.find(found[0])
    assert float(slider.get_attribute("min")) == axes[0]["low"]
    slider.send_keys(Keys.END)
    page.settle()
    z[axes[0]["index"]] = axes[0]["high"]
    assert page.said() == "A point set by the sliders"
    assert_shows(page.shown(), client_bundle.vae.decode(z[None])[0])
    value = slider.get_attribute("aria-valuetext")
    assert value.startswith(f"{axes[0]['high']:.2f}, range ")


def test_small_pictures_stand_at_the_ends_of_each_axis(page, client_bundle):
    page.open("?seed=3")
    page.settle_axes()
    z = client_bundle.decoder.run("sample", seed=[[0, 3]])["z"][0]
    for place, axis in enumerate(client_bundle.decoder.manifest["axes"], 1):
        for end, value in (("start", axis["low"]), ("end", axis["high"])):
            moved = np.array(z)
            moved[axis["index"]] = value
            pixels = page.pixels(f"#axes > :nth-child({place}) .{end} canvas")
            assert_shows(pixels, client_bundle.vae.decode(moved[None])[0])


def test_undo_goes_back_change_by_change(page):
    page.open("?seed=3")
    assert not page.find("undo").is_enabled()
    first = page.shown()
    page.set("seed", 4)
    second = page.shown()
    page.find("axis-0").send_keys(Keys.END)
    page.settle()
    page.click("undo")
    assert np.array_equal(page.shown(), second)
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    page.settle()
    assert np.array_equal(page.shown(), first)
    assert page.find("seed").get_attribute("value") == "3"
    assert not page.find("undo").is_enabled()


@pytest.mark.parametrize("change", ["draw", "slider"])
def test_a_link_shows_the_same_picture(page, change):
    page.open("?preset=float32")
    page.set("seed", 11)
    if change == "slider":
        page.find("axis-1").send_keys(Keys.ARROW_RIGHT * 3)
        page.settle()
    shown, link = page.shown(), page.browser.current_url
    assert ("seed=11" in link) == (change == "draw")
    page.browser.get("about:blank")
    page.browser.get(link)
    page.wait("return document.getElementById('loading').hidden")
    page.settle()
    assert np.array_equal(page.shown(), shown)


def test_the_link_is_copied(page):
    permission = {
        "origin": page.address.rstrip("/"),
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    }
    page.browser.execute_cdp_cmd("Browser.grantPermissions", permission)
    page.open("?seed=5")
    page.find("share-link").click()
    page.wait("return document.getElementById('said').textContent !== ''")
    assert page.said("said") == "The link is copied."
    copied = page.call("navigator.clipboard.readText().then(arguments[0])")
    assert copied == page.browser.current_url


def test_another_precision_shows_the_same_point(page, client_bundle):
    page.open("?seed=3")
    assert page.find("preset").get_attribute("value") == "float32"  # the bundle's default
    page.set("preset", "int8", "change")
    page.wait("return document.getElementById('timing').textContent.includes('int8')")
    page.settle()
    assert page.said() == "Draw 3 from the prior"
    assert "preset=int8" in page.browser.current_url
    assert not page.find("undo").is_enabled()
    expected = shades(client_bundle.vae.sample(1, seed=3, kind="mean")[0])
    found = page.shown()[..., :3].astype(int)
    assert 0 < np.abs(found - expected).max() < 25


def test_a_walk_ends_at_the_second_point(page, client_bundle):
    page.open("?preset=float32&seed=4")
    page.script("document.getElementById('walk').open = true")
    page.find("keep-b").click()
    page.set("way", "arc", "change")
    page.find("interpolate").click()
    page.wait("return document.getElementById('shown').textContent.startsWith('100%')")
    page.settle()
    assert_shows(page.shown(), client_bundle.vae.sample(1, seed=4, kind="mean")[0])
    page.set("share", 0)
    assert page.said() == "0% of the way from A to B, along the arc"
    assert_shows(page.shown(), client_bundle.vae.sample(1, seed=1, kind="mean")[0])


def test_pictures_and_strips_are_downloaded(page, client_bundle):
    page.open("?preset=float32&seed=4")
    sample, decode = client_bundle.decoder.run("sample", seed=[[0, 4]]), client_bundle.vae.decode
    name, picture = page.downloaded_picture("save")
    assert name == "digits-draw-4.png"
    assert picture.shape == (256, 256, 4)
    assert_shows(picture[16::32, 16::32], sample["mean"][0])
    axis = client_bundle.decoder.manifest["axes"][0]
    name, strip = page.downloaded_picture(f"axis-{axis['index']}-strip")
    assert (name, strip.shape) == (f"digits-axis-{axis['index']}.png", (256, 2560, 4))
    z = np.repeat(sample["z"], 10, axis=0)
    z[:, axis["index"]] = np.linspace(axis["low"], axis["high"], 10)
    assert_shows(strip[16::32, 16::32], np.concatenate(decode(z), axis=1))
    name, strip = page.downloaded_picture("walk-strip")
    assert name == "digits-walk.png"
    assert_shows(
        strip[16::32, -256 + 16 :: 32], client_bundle.vae.sample(1, seed=2, kind="mean")[0]
    )


def test_a_click_on_the_map_moves_two_axes(page, client_bundle):
    page.open("?seed=3")
    page.settle_axes()
    across, up = [axis["index"] for axis in client_bundle.decoder.manifest["axes"][:2]]
    chosen = [page.find(f"map-{side}").get_attribute("value") for side in ("across", "up")]
    assert chosen == [str(across), str(up)]
    codes = np.load(client_bundle.path / "codes.npy")
    ends = []
    for axis in client_bundle.decoder.manifest["axes"][:2]:
        column = codes[:, axis["index"]]
        low, high = min(axis["low"], column.min()), max(axis["high"], column.max())
        ends.append((low - 0.05 * (high - low), high + 0.05 * (high - low)))
    canvas = page.find("map-canvas")
    label = canvas.get_attribute("aria-label")
    assert label.startswith(f"The codes of {len(codes)} examples: Axis {across} across from ")
    ActionChains(page.browser).move_to_element_with_offset(canvas, 30, -20).click().perform()
    page.settle()
    z = client_bundle.decoder.run("sample", seed=[[0, 3]])["z"][0].copy()
    found = np.array(page.browser.current_url.split("z=")[1].split(","), "float32")
    width, height = canvas.size["width"], canvas.size["height"]
    z[across] = np.interp(0.5 + 30 / width, [0, 1], ends[0])
    z[up] = np.interp(0.5 + 20 / height, [0, 1], ends[1])
    pixel = max(np.ptp(ends[0]) / width, np.ptp(ends[1]) / height)
    np.testing.assert_allclose(found, z, atol=2 * pixel)
    np.testing.assert_array_equal(np.delete(found, [across, up]), np.delete(z, [across, up]))
    assert_shows(page.shown(), client_bundle.vae.decode(found[None])[0])
    page.click("undo")
    assert page.said() == "Draw 3 from the prior"


def test_the_nearest_example_is_one_key_away(page, client_bundle):
    codes = np.load(client_bundle.path / "codes.npy")
    page.open("?z=0.5,-1,0,0.25,1")
    page.click("nearest")
    found = np.array(page.browser.current_url.split("z=")[1].split(","), "float32")
    distances = np.linalg.norm(codes - np.array([0.5, -1, 0, 0.25, 1]), axis=1)
    np.testing.assert_array_equal(found, codes[np.argmin(distances)])
    assert_shows(page.shown(), client_bundle.vae.decode(found[None])[0])


def test_a_bundle_without_codes_has_no_map(page):
    page.open("?bundle=bundles/factor/")
    assert page.error() == ""
    assert not page.find("map").is_displayed()


def test_an_axis_keeps_the_name_that_it_is_given(page, client_bundle):
    index = client_bundle.decoder.manifest["axes"][0]["index"]

    def rename(name, key):
        page.script("document.getElementById(arguments[0]).click()", f"axis-{index}-rename")
        field = page.find(f"axis-{index}-new-name")
        assert field == page.browser.switch_to.active_element
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, name or Keys.BACKSPACE, key)
        return page.said(f"axis-{index}-name")

    page.open()
    assert rename("slant", Keys.ESCAPE) == f"Axis {index}"
    assert rename("slant", Keys.ENTER) == "slant"
    page.open()
    assert page.said(f"axis-{index}-name") == "slant"
    assert page.find("map-across").text.splitlines()[0].strip() == "slant"
    assert rename("", Keys.TAB) == f"Axis {index}"


def test_a_walk_is_downloaded_as_an_animation(page, client_bundle):
    page.open()
    name, content = page.downloaded("walk-film")
    assert name == "digits-film.png"
    film = Image.open(io.BytesIO(content))
    assert (film.format, film.n_frames, film.size) == ("PNG", 80, (256, 256))
    assert film.info["loop"] == 0
    assert film.info["duration"] == pytest.approx(40)
    frames = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(film)]
    for frame, seed in ((0, 1), (40, 2)):
        expected = client_bundle.vae.sample(1, seed=seed, kind="mean")[0]
        assert_shows(frames[frame][16::32, 16::32], expected)
    np.testing.assert_array_equal(frames[41:], frames[39:0:-1])


# -- compare -------------------------------------------------------------------------------------


CHOOSE = """
const menu = document.getElementById("other");
for (const value of arguments[0]) {
  menu.value = value;
  menu.dispatchEvent(new Event("change"));
}
"""
# Nothing was fetched for half a second.
AT_REST = """
const last = performance.getEntriesByType("resource").map((entry) => entry.responseEnd);
return performance.now() - Math.max(...last) > 500;
"""


def compared(page):
    """Wait until the other model is there and both are drawn; return the rows of facts."""
    page.wait("""
      return !document.getElementById("comparison").hidden &&
        document.getElementById("compared").ariaBusy === "false";
    """)
    return page.cells("#compare .files")


def test_two_precisions_decode_the_same_point(page, client_bundle):
    page.open("?seed=3")
    page.click("tab-compare")
    facts = compared(page)
    manifest = client_bundle.decoder.manifest
    shown, other = (page.pixels(f"#compared figure:nth-child({k}) canvas") for k in (1, 2))
    z = client_bundle.decoder.run("sample", seed=[[0, 3]])["z"]
    assert_shows(shown, client_bundle.vae.decode(z)[0])
    int8 = runtime.Model(client_bundle.path, preset="int8").decode(z)[0]
    # The int8 kernels of the browser may round other than those here.
    assert np.max(np.abs(other[..., :3].astype(int) - shades(int8))) <= 3
    said = page.said("compared-words")
    found = float(said.removeprefix("The largest difference is ").split(",")[0])
    assert found == pytest.approx(np.max(np.abs(int8 - client_bundle.vae.decode(z)[0])), abs=0.01)
    sizes = [round(each["size_bytes"] / 1e3) for each in manifest["artefacts"]]
    assert facts[0] == ["Size", *(f"{size} kB" for size in sizes)]
    assert facts[1][0] == "Time of a call"
    page.click("next")
    compared(page)
    assert page.said("compared-words") != said


def test_two_bundles_decode_the_same_point(page, client_bundle):
    copy = page.root / "bundles" / "digits-copy"
    shutil.copytree(page.root / "bundles" / "digits", copy)
    try:
        page.open("?bundle=bundles/digits-copy/&seed=3")
        page.click("tab-compare")
        page.set("other", "digits", "change")
        compared(page)
        same = "The largest difference is 0, its root mean square 0."
        assert page.said("compared-words") == same
        int8 = page.script("return document.getElementById('other').options[0].value")
        page.script(CHOOSE, ["digits", int8])  # before the first one is there
        compared(page)
        page.wait(AT_REST)
        assert page.said("compared-names").endswith(int8)
        page.set("other", "people", "change")
        page.wait("return !document.getElementById('error').hidden")
        assert not page.find("comparison").is_displayed()
        said = f"Expected a model of examples of 8 {TIMES} 8 {TIMES} 1 from 5 latent variables. "
        assert said + "Received: one of examples of" in page.error()
    finally:
        shutil.rmtree(copy)


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


def test_the_page_recovers_when_a_good_bundle_follows_a_bad_one(page):
    page.open("?bundle=absent")
    assert "it is not a bundle" in page.error()
    page.set("bundle", "bundles/people/", "change")
    page.wait("return !document.getElementById('workbench').hidden")
    assert page.error() == ""
    assert page.find("name").text == "people"
    assert "bundle=bundles" in page.browser.current_url


# -- judge ---------------------------------------------------------------------------------------


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
            "Expected a date such as 2024-01-31 in the column joined. Received: soon",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_refused_in_a_sentence(
    page, bundle, name, content, sentence
):
    page.open(f"?bundle=bundles/{bundle}/")
    page.judge(name, content)
    assert sentence in page.error()


# -- everyone ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bundle", ["digits", "sensor", "people", "survey"])
def test_the_page_fits_every_screen(page, screen, bundle):
    page.open(f"?bundle=bundles/{bundle}/")
    for tab in ("explore", "judge", "compare", "about"):
        page.script("document.getElementById('judge-shown').click()")
        page.script(f"document.getElementById('tab-{tab}').click()")
        for width in (320, 360, 768, 1280, 2560):
            screen(width)
            assert page.script("return document.documentElement.scrollWidth") <= width, tab


def test_tabs_are_moved_by_keys(page):
    page.open()
    page.find("tab-explore").send_keys(Keys.ARROW_RIGHT)
    assert page.browser.switch_to.active_element.get_attribute("id") == "tab-judge"
    assert page.find("judge").is_displayed()
    assert not page.find("explore").is_displayed()
    page.browser.switch_to.active_element.send_keys(Keys.END)
    assert page.find("about").is_displayed()
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert page.find("explore").is_displayed()


def test_who_wants_less_motion_gets_a_few_pictures(page, screen):
    screen(1280, motion="reduce")
    page.open()
    counted = "globalThis.shown = new Set(); new MutationObserver(() => globalThis.shown.add("
    counted += "document.getElementById('shown').textContent)).observe("
    counted += "document.getElementById('shown'), { childList: true });"
    page.script(counted)
    page.click("interpolate")
    page.wait("return document.getElementById('shown').textContent.startsWith('100%')")
    assert page.script("return globalThis.shown.size") <= 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, screen, scheme):
    for bundle in ("digits", "sensor", "people", "conditional", "survey"):
        screen(1280, scheme)
        page.open(f"?bundle=bundles/{bundle}/")
        page.settle_axes()
        page.script("document.getElementById('judge-shown').click()")
        page.wait_judged()
        page.script("document.querySelector('#gap-choices input')?.click()")
        for tab in ("explore", "judge", "compare", "about"):
            page.script(f"document.getElementById('tab-{tab}').click()")
            assert page.axe() == [], (bundle, tab)
