"""Another precision on the page that has other signatures."""

import pytest

import kvae
from kvae.export.web import folder
from kvae.export.web.litert_js import PAGE
from kvae.export.web.site import Site
from tests.clients.page import Page
from tests.small import make_vae

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(programs, tmp_path_factory):
    from tests.clients.browser import chromium, served

    path = tmp_path_factory.mktemp("presets") / "bundle"
    kvae.export.bundle(make_vae((4,), 2), path, presets=["float32", "int8-full"], measure=False)
    root = folder.write(Site([path], PAGE / "node_modules"), tmp_path_factory.mktemp("p") / "page")
    with served(root) as address, chromium(*programs, tmp_path_factory.mktemp("b")) as browser:
        yield Page(root, address, browser)


def choose(page, preset):
    page.set("preset", preset, "change")
    page.wait(f"return location.search.includes('preset={preset}')")
    page.settle()
    assert page.error() == ""
    assert f" ms, {preset}, " in page.said("timing")


def test_the_tabs_follow_the_precision(page):
    page.open("?seed=3")
    choose(page, "int8-full")
    assert not page.find("tab-judge").is_displayed()
    choose(page, "float32")
    assert page.find("tab-judge").is_displayed()
    page.click("tab-judge")
    choose(page, "int8-full")
    assert page.find("about").is_displayed()
    page.open("?preset=int8-full")
    choose(page, "float32")
    assert page.find("tab-judge").is_displayed()
