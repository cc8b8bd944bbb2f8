"""A site of two bundles of tests/goldens, without LiteRT.js itself."""

import pytest

from kvae.export.web.site import Site
from tests.helpers import ROOT

GOLDENS = ROOT / "tests" / "goldens" / "v1"


@pytest.fixture(scope="session")
def bundles():
    return [GOLDENS / "vae" / "bundle", GOLDENS / "quantized" / "bundle"]


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """A folder node_modules with the names of LiteRT.js' files."""
    root = tmp_path_factory.mktemp("modules") / "node_modules"
    for name in (
        "@litertjs/core/dist/index.js",
        "@litertjs/core/dist/index.js.map",
        "@litertjs/core/wasm/litert_wasm_internal.js",
        "@litertjs/core/wasm/litert_wasm_internal.wasm",
        "@litertjs/core/wasm/litert_wasm_threaded_internal.wasm",
        "@litertjs/wasm-utils/dist/index.js",
        "other/index.js",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.fixture(scope="session")
def site(bundles, modules):
    return Site(bundles, modules)
