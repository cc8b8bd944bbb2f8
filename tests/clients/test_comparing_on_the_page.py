"""Two precisions or bundles beside each other on the page."""

import shutil

import numpy as np
import pytest

from kvae.export import runtime
from tests.clients.shown import assert_shows, shades

pytestmark = pytest.mark.slow

TIMES = "\u00d7"


CHOOSE = """
const menu = document.getElementById("other");
for (const value of arguments[0]) {
  menu.value = value;
  menu.dispatchEvent(new Event("change"));
}
"""
CHOOSE_BUNDLE = """
const menu = document.getElementById("bundle");
menu.value = arguments[0];
menu.dispatchEvent(new Event("change"));
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
        page.wait("return !document.getElementById('compare-error').hidden")
        assert not page.find("comparison").is_displayed()
        said = f"Expected a model of examples of 8 {TIMES} 8 {TIMES} 1 from 5 latent variables. "
        assert said + "Received: one of examples of" in page.said("compare-error")
        assert page.error() == ""
        page.script(CHOOSE_BUNDLE, "bundles/people/")  # the one that was refused
        page.wait("return document.getElementById('name').textContent === 'people'")
        page.wait("return !document.getElementById('workbench').hidden")
        page.settle()
        assert (page.error(), page.said()) == ("", "Draw 0 from the prior")
    finally:
        shutil.rmtree(copy)
