"""The tab Explore as a person uses it: every control, with its numbers compared with Keras."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.clients.shown import assert_shows, shades

pytestmark = pytest.mark.slow

MINUS = "\u2212"


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
