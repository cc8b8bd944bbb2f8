"""Write what a bundle says of itself: card, domain, thresholds, manifest, digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

from .. import runtime
from .card import card
from .decision import decision_table
from .domain_table import domain_table

__all__ = ["seal"]


def seal(folder: Path, manifest: dict[str, Any], name: str) -> None:
    """Write README.md, domain.tsv, manifest.json and SHA256SUMS of a bundle with its other files.

    Where it has thresholds, decision.tsv as well.

    Args:
        folder: the bundle; it is not in use.
        manifest: what manifest.json says, apart from the digests of the files.
        name: name of the folder to be.
    """
    pictures = sorted(file.name for file in folder.glob("*.png"))
    own_runtime = (folder / "runtime.py").is_file()
    text = card(manifest, pictures, name, own_runtime)
    (folder / "README.md").write_text(text, "utf-8", newline="\n")
    table = domain_table(manifest["model"]["inputs"])
    (folder / "domain.tsv").write_text(table, "utf-8", newline="\n")
    decisions = decision_table(manifest["artefacts"])
    if decisions:
        (folder / "decision.tsv").write_text(decisions, "utf-8", newline="\n")
    told = ("manifest.json", runtime.SUMS)
    content = {name: value for name, value in _content(folder).items() if name not in told}
    digests = {file: hashlib.sha256(value).hexdigest() for file, value in content.items()}
    written = json.dumps({**manifest, "sha256": digests}, indent=2, allow_nan=False) + "\n"
    content["manifest.json"] = written.encode()
    (folder / "manifest.json").write_bytes(content["manifest.json"])
    (folder / runtime.SUMS).write_text(runtime.sums_of(content), "ascii", newline="\n")


def _content(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
