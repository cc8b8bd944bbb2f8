"""The page on WebGPU, in headless Chromium with its software adapter."""

import numpy as np
import pytest

from tests.clients.browser import SOFTWARE_WEBGPU
from tests.clients.page import Page, flat
from tests.helpers import relative
from tests.small import SIGNATURES

pytestmark = pytest.mark.thorough

# What float32 promises against Keras, by WebGPU too.
TOLERANCE = 1e-5
# WGSL allows sine and cosine an absolute error of 2^-11. Box-Muller multiplies them by a radius of
# at most sqrt(2 log 2^24) = 5.8, and the arc between two points is made of them as well.
TRIGONOMETRIC = {"sample", "interpolate_spherical"}
TRIGONOMETRIC_TOLERANCE = np.sqrt(48 * np.log(2.0)) * 2.0**-11

COUNT_SUBMISSIONS = """
const submit = GPUQueue.prototype.submit;
globalThis.submissions = 0;
GPUQueue.prototype.submit = function (...buffers) {
  globalThis.submissions += 1;
  return submit.apply(this, buffers);
};
"""


@pytest.fixture(scope="module")
def page(programs, site_folder, tmp_path_factory):
    """The page in a browser that has WebGPU."""
    from tests.clients.browser import chromium, served

    profile = tmp_path_factory.mktemp("profile")
    with served(site_folder) as address, chromium(*programs, profile, SOFTWARE_WEBGPU) as browser:
        yield Page(site_folder, address, browser)


@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_signature_keeps_the_budget_of_webgpu(page, client_bundle, signature):
    page.open("?accelerator=webgpu")
    page.script(COUNT_SUBMISSIONS)
    found = page.run("float32", signature, client_bundle.inputs[signature])
    assert page.script("return globalThis.submissions") >= len(next(iter(found.values())))
    expected = client_bundle.expected[signature]
    assert found.keys() == expected.keys()
    tolerance = TRIGONOMETRIC_TOLERANCE if signature in TRIGONOMETRIC else TOLERANCE
    for name, values in expected.items():
        assert relative(found[name], flat(values)) < tolerance, name


def test_the_page_says_where_it_runs(page, client_bundle):
    page.open("?accelerator=webgpu&z=0,0,0,0,0")
    assert page.said("timing").endswith(", WebGPU")
    drawn = client_bundle.decoder.decode(np.zeros((1, 5), "float32"))[0]
    shades = np.repeat(np.round(255 * drawn), 3, axis=2)
    assert np.max(np.abs(page.shown()[..., :3].astype(int) - shades)) <= 1


def test_webgpu_is_taken_without_being_asked_for(page):
    page.open()
    assert page.error() == ""
    assert page.said("timing").endswith(", WebGPU")
    assert page.said("runs").startswith("WebGPU: it differs from WebAssembly by at most ")


def test_a_file_that_imputes_runs_in_webassembly(page, gap_models):
    """LiteRT.js does not run `impute` by WebGPU; where it does, let it pass its budget instead."""
    page.open("?bundle=bundles/holed/")
    assert page.error() == ""
    assert page.said("timing").endswith(", WebAssembly")
    assert page.said("runs").startswith("WebAssembly: WebGPU cannot run impute here (")
    drawn = gap_models["holed"].vae.sample(1, seed=0, kind="mean")[0]
    shades = np.repeat(np.round(255 * drawn), 3, axis=2)
    assert np.max(np.abs(page.shown()[..., :3].astype(int) - shades)) <= 1


def test_an_unknown_accelerator_is_refused_in_words(page):
    page.open("?accelerator=tpu")
    assert page.error() == ("Expected accelerator to be one of wasm, webgpu. Received: tpu")
