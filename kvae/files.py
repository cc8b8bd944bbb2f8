"""Files that are there whole or not at all.

Everything is written to a sibling with a temporary name, synced to the disk and then renamed, so
that a crash or a full disk never leaves half a file under the final name nor takes away the good
one that stood there.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["replacing", "sync", "sync_entry", "vacant"]


def vacant(path: Any, name: str = "path") -> Path:
    """Return `path` if something new can be created there.

    Args:
        path: str or path-like of a file or folder to be.
        name: name of the argument, for messages.

    Raises:
        FileNotFoundError: If the folder that is to hold it does not exist.
        NotADirectoryError: If that folder is a file.
        FileExistsError: If something stands there already.
    """
    target = Path(path)
    parent = target.parent
    if not parent.exists():
        raise FileNotFoundError(
            f"Expected the folder of {name} to exist. Received: {name}={str(path)!r}, but there is "
            f"no folder {str(parent)!r}: create it first."
        )
    if not parent.is_dir():
        raise NotADirectoryError(
            f"Expected the parent of {name} to be a folder. Received: {name}={str(path)!r}, but "
            f"{str(parent)!r} is a file."
        )
    if os.path.lexists(target):
        raise FileExistsError(
            f"Expected {name} to be free. Received: {name}={str(path)!r}, where something stands "
            "already: choose another path or remove it first."
        )
    return target


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[Path]:
    """Give a temporary sibling of `path` to write a file or folder to; rename it at the end.

    On an error inside the block the temporary is removed and `path` stays as it was.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}-{uuid.uuid4().hex[:8]}{target.suffix}")
    try:
        yield temporary
        sync(temporary)
        if target.is_dir() and not target.is_symlink():
            old = temporary.with_name(temporary.name + "-old")
            os.replace(target, old)
            os.replace(temporary, target)
            shutil.rmtree(old)
        else:
            os.replace(temporary, target)
        sync_entry(target.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Write a file, or all files in a folder, through to the disk."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with open(file, "rb+") as handle:
                os.fsync(handle.fileno())


def sync_entry(folder: Path) -> None:
    """Write the names in a folder through to the disk."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
