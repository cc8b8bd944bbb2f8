"""What files the page consists of, on a server and as a folder."""

import base64
import hashlib
import re
import shutil

import pytest

from kvae.export import runtime
from kvae.export.web import folder
from kvae.export.web.litert_js import PAGE
from kvae.export.web.site import Site


def test_a_site_is_the_page_its_bundles_and_what_is_loaded_of_litert_js(site, bundles):
    own = {file.name for file in PAGE.iterdir() if file.suffix in (".js", ".css", ".html")}
    loaded = {f"node_modules/@litertjs/core/{name}" for name in ("dist/index.js",)}
    loaded |= {f"node_modules/@litertjs/core/wasm/litert_wasm_internal.{s}" for s in ("js", "wasm")}
    loaded |= {"node_modules/@litertjs/wasm-utils/dist/index.js"}
    listed = {
        f"bundles/{name}/{file}"
        for name, path in zip(site.names, bundles, strict=True)
        for file in [*runtime.Bundle(path).names, "SHA256SUMS"]
    }
    assert site.names == ["bundle", "bundle-2"]
    assert set(site) == own | loaded | listed
    assert b'<meta name="bundles" content="bundles/bundle/ bundles/bundle-2/" />' in site.read(
        "index.html"
    )


def test_the_policy_of_the_page_allows_its_own_files_and_its_import_map_alone(site):
    page = site.read("index.html").decode()
    policy = re.search(r'Content-Security-Policy"\s+content="(.*?)"', page)[1]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    import_map = re.search(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'", "'wasm-unsafe-eval'", f"'sha256-{digest}'"]
    assert rules["connect-src"] == rules["style-src"] == ["'self'"]
    assert not re.search(r"https?://", policy)
    assert len(re.findall(r"<script(?![^>]* src=)", page)) == 1  # no other inline script
    assert " style=" not in page


def test_a_folder_holds_what_the_server_serves(site, tmp_path):
    written = folder.write(site, tmp_path / "page")
    found = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    assert found == set(site)
    assert all((written / address).read_bytes() == site.read(address) for address in site)
    with pytest.raises(FileExistsError, match="Expected --static to be free"):
        folder.write(site, tmp_path / "page")
    folder.write(site, tmp_path / "page", overwrite=True)


def test_a_damaged_bundle_is_written_nowhere(bundles, modules, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(bundles[0], copy)
    site = Site([copy], modules)
    (copy / "README.md").write_text("something else")
    with pytest.raises(runtime.BundleError, match="altered"):
        folder.write(site, tmp_path / "page")
    assert list(tmp_path.iterdir()) == [copy]


def test_names_of_bundles_are_plain_parts_of_an_address(bundles, modules, tmp_path):
    odd = tmp_path / 'a "b" ü.1'
    shutil.copytree(bundles[0], odd)
    assert Site([odd], modules).names == ["a-b-1"]
