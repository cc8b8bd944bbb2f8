"""The files of the page and of the bundles that it shows, by their address below the page."""

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import runtime
from .litert_js import PAGE

__all__ = ["Site"]

INDEX = "index.html"
BUNDLES = '<meta name="bundles" content="bundle/" />'
# What the browser may load of LiteRT.js. It picks one of the WebAssembly files; the one with
# threads is never asked for.
LITERT = (
    "@litertjs/core/dist/index.js",
    "@litertjs/wasm-utils/dist/index.js",
    "@litertjs/core/wasm/litert_wasm_*internal.js",
    "@litertjs/core/wasm/litert_wasm_*internal.wasm",
)
UNUSED = "threaded"


class Site:
    """The page with bundles: each file by its address, such as `bundles/digits/manifest.json`.

    Args:
        bundles: folders of bundles; the page opens the first.
        modules: the folder node_modules with LiteRT.js, see `litert_js.installed`.
        names: what the bundles are called; by default as their folders.

    Attributes:
        names: the names of the bundles on the page.

    Raises:
        BundleError: If a folder is not a bundle, or its manifest is damaged.
        ValueError: If there is no bundle.

    Example:
        >>> from kvae.export.web.site import Site
        >>> site = Site([bundle], folder)
        >>> site.names
        ['bundle']
        >>> b'content="bundles/bundle/"' in site.read("index.html")
        True
    """

    def __init__(self, bundles: Sequence[Any], modules: Path, names: Sequence[str] | None = None):
        if not bundles:
            raise ValueError("Expected at least one bundle. Received: none")
        self._files: dict[str, Callable[[], bytes]] = {}
        self.names: list[str] = []
        for place, path in enumerate(bundles):
            bundle = runtime.Bundle(path)
            _ = bundle.manifest  # a damaged one is reported before the page is opened
            name = self._free(bundle.root.name if names is None else names[place])
            self.names.append(name)
            for listed in bundle.names:
                read = functools.partial(bundle.read, listed, sys.maxsize)
                self._files[f"bundles/{name}/{listed}"] = read
            sums = bundle.root / runtime.SUMS
            self._files[f"bundles/{name}/{runtime.SUMS}"] = sums.read_bytes
        for file in PAGE.iterdir():
            if file.suffix in (".html", ".css", ".js"):
                self._files[file.name] = file.read_bytes
        self._files[INDEX] = self._index
        for pattern in LITERT:
            for file in sorted(modules.glob(pattern)):
                if UNUSED not in file.name:
                    address = f"node_modules/{file.relative_to(modules).as_posix()}"
                    self._files[address] = file.read_bytes

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __contains__(self, address: object) -> bool:
        return address in self._files

    def read(self, address: str) -> bytes:
        """Return the content of a file; that of a bundle after its digest was checked.

        Raises:
            KeyError: If there is no such file.
            BundleError: If a file of a bundle was altered.
            OSError: If it cannot be read.
        """
        return self._files[address]()

    def _index(self) -> bytes:
        page = (PAGE / INDEX).read_text("utf-8")
        listed = " ".join(f"bundles/{name}/" for name in self.names)
        return page.replace(BUNDLES, BUNDLES.replace("bundle/", listed)).encode()

    def _free(self, name: str) -> str:
        """Return a name for an address that no other bundle has."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "bundle"
        number, found = 1, plain
        while found in self.names:
            number += 1
            found = f"{plain}-{number}"
        return found
