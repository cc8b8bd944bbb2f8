"""LiteRT.js is found where it lies, installed once where it does not, and errors are sentences."""

import json
import stat

import pytest

from kvae.export.web import litert_js

NPM = """#!/bin/sh
while [ "$1" != "--prefix" ]; do shift; done
folder="$2/node_modules/@litertjs/core"
mkdir -p "$folder"
echo '{"version": "%s"}' > "$folder/package.json"
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without LiteRT.js and npm; a function gives it an npm."""
    page, programs = tmp_path / "web", tmp_path / "bin"
    page.mkdir()
    programs.mkdir()
    (page / "package.json").write_text((litert_js.PAGE / "package.json").read_text())
    monkeypatch.setattr(litert_js, "PAGE", page)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        litert_js.shutil,
        "which",
        lambda name: str(programs / name) if (programs / name).exists() else None,
    )

    def with_npm(script):
        (programs / "npm").write_text(script)
        (programs / "npm").chmod(stat.S_IRWXU)

    return with_npm


def test_it_is_installed_once(machine, tmp_path):
    machine(NPM % litert_js.version())
    said = []
    found = litert_js.installed(said.append)
    assert found.is_relative_to(tmp_path / "cache" / "kvae")
    assert len(said) == 1
    assert "once" in said[0]
    machine("#!/bin/sh\nexit 1\n")
    assert litert_js.installed(said.append) == found
    assert len(said) == 1


def test_one_beside_the_page_is_used_if_it_has_the_version(machine):
    described = litert_js.PAGE / litert_js.FOUND
    described.parent.mkdir(parents=True)
    described.write_text(json.dumps({"version": litert_js.version()}))
    assert litert_js.installed(pytest.fail) == litert_js.PAGE / "node_modules"
    described.write_text(json.dumps({"version": "0.0.1"}))
    with pytest.raises(FileNotFoundError, match=r"Expected npm, which installs LiteRT.js once"):
        litert_js.installed(pytest.fail)


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\necho 'npm error no network' >&2; exit 7\n", NPM % "0.1"]
)
def test_an_npm_that_fails_leaves_nothing(machine, script, tmp_path):
    machine(script)
    with pytest.raises(RuntimeError, match=r"npm could not install LiteRT.js"):
        litert_js.installed(lambda _: None)
    assert list((tmp_path / "cache" / "kvae").iterdir()) == []
