"""The files of the page and of the bundles that it shows, by their address below the page."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import runtime
from .litert_js import PAGE

__all__ = ["Site"]

INDEX = "index.html"
BELOW = "bundles/"  # where the addresses of bundles begin
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
        self._bundles: dict[str, _Shown] = {}
        for place, path in enumerate(bundles):
            shown = _Shown(path)
            root = shown.opened()[1].root
            self._bundles[self._free(root.name if names is None else names[place])] = shown
        for file in PAGE.iterdir():
            if file.suffix in (".html", ".css", ".js"):
                self._files[file.name] = file.read_bytes
        self._files[INDEX] = self._index
        for pattern in LITERT:
            for file in sorted(modules.glob(pattern)):
                if UNUSED not in file.name:
                    address = f"node_modules/{file.relative_to(modules).as_posix()}"
                    self._files[address] = file.read_bytes

    @property
    def names(self) -> list[str]:
        """The names of the bundles on the page."""
        return list(self._bundles)

    def __iter__(self) -> Iterator[str]:
        for name, shown in self._bundles.items():
            for file in [*shown.opened()[1].names, runtime.SUMS]:
                yield f"{BELOW}{name}/{file}"
        yield from self._files

    def read(self, address: str) -> bytes:
        """Return the content of a file; that of a bundle after its digest was checked.

        Raises:
            KeyError: If there is no such file.
            BundleError: If a file of a bundle was altered, or it is no bundle any more.
            OSError: If it cannot be read.
        """
        if not address.startswith(BELOW):
            return self._files[address]()
        name, _, file = address.removeprefix(BELOW).partition("/")
        return self._bundles[name].read(file)

    def _index(self) -> bytes:
        page = (PAGE / INDEX).read_text("utf-8")
        listed = " ".join(f"{BELOW}{name}/" for name in self.names)
        return page.replace(BUNDLES, BUNDLES.replace("bundle/", listed)).encode()

    def _free(self, name: str) -> str:
        """Return a name for an address that no other bundle has."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "bundle"
        number, found = 1, plain
        while found in self._bundles:
            number += 1
            found = f"{plain}-{number}"
        return found


class _Shown:
    """A bundle as it stands: it is opened anew when another one has taken its place."""

    def __init__(self, path: Any):
        self._path = Path(path)
        self._opened: tuple[bytes, runtime.Bundle] | None = None

    def opened(self) -> tuple[bytes, runtime.Bundle]:
        """Return SHA256SUMS and the bundle; a BundleError where it is damaged, or none any more."""
        try:
            sums = (self._path / runtime.SUMS).read_bytes()
        except OSError:
            sums = b""  # what is wrong is said below
        if self._opened is None or self._opened[0] != sums:
            bundle = runtime.Bundle(self._path)
            _ = bundle.manifest  # a damaged one is reported before the page is opened
            self._opened = sums, bundle
        return self._opened

    def read(self, file: str) -> bytes:
        """Return the content of a file; errors as for `Site.read`."""
        sums, bundle = self.opened()
        if file == runtime.SUMS:
            return sums
        if file not in bundle.names:
            raise KeyError(file)
        return bundle.read(file, sys.maxsize)
