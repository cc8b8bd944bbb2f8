"""The page at its start and on every screen, with its numbers compared with Keras."""

import shutil

import pytest
from selenium.webdriver.common.keys import Keys

from tests.clients.shown import assert_shows

pytestmark = pytest.mark.slow


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
    assert page.find("facts").text.startswith("Description\nHandwritten digits.\nTrained on\n")


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


def test_the_page_recovers_when_a_good_bundle_follows_a_bad_one(page):
    page.open("?bundle=absent")
    assert "it is not a bundle. The menu Model has digits, conditional, " in page.error()
    page.set("bundle", "bundles/people/", "change")
    page.wait("return !document.getElementById('workbench').hidden")
    assert page.error() == ""
    assert page.find("name").text == "people"
    assert "bundle=bundles" in page.browser.current_url


def test_an_intact_file_of_a_bundle_with_a_damaged_one_can_be_chosen(page):
    damaged = page.root / "bundles" / "damaged"
    shutil.copytree(page.root / "bundles" / "digits", damaged)
    try:
        with (damaged / "model-float32.tflite").open("ab") as file:
            file.write(b"0")
        page.open("?bundle=bundles/damaged/&seed=3")
        assert page.error() == "Files altered since the bundle was made: model-float32.tflite"
        page.set("preset", "int8", "change")
        page.wait("return !document.getElementById('workbench').hidden")
        page.settle()
        assert (page.error(), page.said()) == ("", "Draw 3 from the prior")
        assert "preset=int8" in page.browser.current_url
    finally:
        shutil.rmtree(damaged)


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
