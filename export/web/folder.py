"""The page as a folder for any web server."""

from pathlib import Path
from typing import Any

from kvae import files

from .site import Site

__all__ = ["write"]


def write(site: Site, path: Any, overwrite: bool = False) -> Path:
    """Write the files of a site to a folder, all of them or none; return the folder.

    Serve it by https: the page checks digests by `crypto.subtle`, which browsers offer only there
    and on the local machine. Its content security policy stands in index.html.

    Args:
        site: the files.
        path: folder to be.
        overwrite: whether to replace what stands there.

    Raises:
        FileExistsError: If something stands there and may not be overwritten.
        BundleError: If a file of a bundle was altered.
    """
    target = files.destination(path, overwrite, "--static")
    with files.replacing(target, overwrite) as folder:
        for address in site:
            file = folder / address
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(site.read(address))
    return target
