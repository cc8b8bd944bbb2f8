"""LiteRT.js, which runs `.tflite` files in a browser: installed once by npm, then found."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kvae import files

__all__ = ["PAGE", "installed", "version"]

PAGE = Path(__file__).resolve().parent.parent / "clients" / "web"
PACKAGE = "@litertjs/core"
# package.json of an installed package, which npm writes last
FOUND = Path("node_modules") / PACKAGE / "package.json"


def version() -> str:
    """Return the version that the page was tested with.

    Example:
        >>> from kvae.export.web import litert_js
        >>> litert_js.version().count(".")
        2
    """
    described = json.loads((PAGE / "package.json").read_text("utf-8"))
    return str(described["dependencies"][PACKAGE])


def installed(report: Callable[[str], None]) -> Path:
    """Return the folder node_modules that holds LiteRT.js; install it where it is nowhere yet.

    Beside the page it is found in a checkout where npm was run; otherwise it stands in the user's
    cache folder, where the first call installs it.

    Args:
        report: called with one sentence before something is installed.

    Raises:
        FileNotFoundError: If it has to be installed and there is no npm.
        RuntimeError: If npm fails.
    """
    kept = _cache() / f"litert-js-{version()}"
    for folder in (PAGE, kept):
        if _holds(folder):
            return folder / "node_modules"
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            "Expected npm, which installs LiteRT.js once. Received: no program npm: install "
            "Node.js from https://nodejs.org, or on Debian and Ubuntu by apt-get install npm."
        )
    report(f"Installing LiteRT.js {version()} into {kept}, about 40 MB, once ...")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(kept) as folder:
        folder.mkdir()
        shutil.copy(PAGE / "package.json", folder)
        command = [npm, "install", "--prefix", str(folder), "--omit=dev", "--ignore-scripts"]
        command += ["--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier"]
        done = subprocess.run(  # noqa: S603 (npm of this machine, with fixed arguments)
            command, capture_output=True, text=True, check=False
        )
        if done.returncode or not _holds(folder):
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise RuntimeError(
                "npm could not install LiteRT.js, which needs the network once: "
                + (" ".join(lines[:2])[:300] or f"it ended with status {done.returncode}")
            )
    return kept / "node_modules"


def _holds(folder: Path) -> bool:
    """Return whether a folder holds the version of the page."""
    try:
        return bool(json.loads((folder / FOUND).read_text("utf-8"))["version"] == version())
    except (OSError, ValueError, KeyError):
        return False


def _cache() -> Path:
    """Return the folder of the user's cache that belongs to kvae."""
    if sys.platform == "win32":
        found = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        found = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(found) / "kvae"
