"""`kvae pretrained`, and the names pretrained:NAME in the place of a model or a bundle."""

import json
from pathlib import Path

from rich.table import Table

from kvae import files, zoo
from kvae.cli.terminal import bold, console, say

__all__ = ["place", "run"]

PREFIX = "pretrained:"


def place(path: Path) -> Path:
    """Return the bundle that pretrained:NAME stands for, or another path as it is.

    Raises:
        ValueError: If there is no pretrained model of that name.
    """
    text = str(path)
    return zoo.folder(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else path


def run(name: str | None, output: Path | None, overwrite: bool, as_json: bool) -> None:
    """List the pretrained models, or copy the bundle of one.

    Args:
        name: name of one, None to list all.
        output: folder to be; by default it has the name of the model.
        overwrite: whether to replace what stands there.
        as_json: whether to print the list, or the path of the folder, as JSON.
    """
    if name is None:
        if output is not None:
            raise ValueError("Expected a name with --output. Received: none")
        _list(as_json)
        return
    target = files.destination(Path(name) if output is None else output, overwrite, "--output")
    zoo.copy(name, target, overwrite)
    if as_json:
        print(json.dumps({"name": name, "output": str(target)}))
        return
    say(f"The bundle is in {bold(target.resolve())}.")


def _list(as_json: bool) -> None:
    from kvae.export.runtime import Bundle

    keys = ("description", "training_data", "licence")
    found = {}
    for name in zoo.NAMES:
        manifest = Bundle(zoo.folder(name)).manifest
        found[name] = {key: manifest[key] for key in keys}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table("name", "what", "data", "licence")
    for name, said in found.items():
        table.add_row(name, *(said[key] for key in keys))
    console.print(table)
