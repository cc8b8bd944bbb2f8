"""Files and folders that are written completely or not at all.

Everything is written to a temporary sibling, synced to the disk and then put in place by a single
renaming, so that a crash, a kill or a full disk never leaves half a file under the final name nor
takes away the good one that stood there. What a killed process leaves behind is removed by the next
one that writes to the same path.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["check_name", "destination", "replacing", "sync", "sync_entry", "vacant"]

NOREPLACE, EXCHANGE = 1, 2  # flags of Linux' renameat2
AT_FDCWD = -100
LONGEST_NAME = 255  # bytes, on the file systems in use
TEMPORARY = re.compile(r"\.kvae-(?P<key>[0-9a-f]{24})-(?P<pid>\d+)-[0-9a-f]{8}.*", re.DOTALL)


def destination(
    path: Any,
    overwrite: bool,
    name: str = "path",
    sources: Mapping[str, Path | None] | None = None,
    folder: bool = True,
    suffixes: Sequence[str] = (),
) -> Path:
    """Return `path` if something can be written there; to be called before any work.

    Args:
        path: str or path-like of a file or folder to be.
        overwrite: whether something may stand there.
        name: name of the argument, for messages.
        sources: what is read before something is written there, by the names of the arguments. None
            of it may be or lie in what is replaced: it would be lost.
        folder: whether a folder is to be written there, or a file. One does not replace the other.
        suffixes: the endings that its name may have, such as ".png"; empty for any.

    Raises:
        ValueError: If it cannot be the name of such a file, or a source lies there.
        FileNotFoundError: If the folder that is to hold it does not exist.
        NotADirectoryError: If that folder is a file, or a folder is to replace a file.
        IsADirectoryError: If a file is to replace a folder.
        PermissionError: If that folder cannot be written to.
        FileExistsError: If something stands there and may not be overwritten.
    """
    target = Path(path)
    parent = target.parent
    check_name(target, name, suffixes)
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
    place = _place(target)
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Expected the folder of {name} to be writable. Received: {name}={str(path)!r}"
        )
    _clean(place)
    if not overwrite and os.path.lexists(target):
        raise _taken(target, name, "--overwrite" if name.startswith("--") else "overwrite=True")
    _check_kind(target, folder, name)
    for option, source in (sources or {}).items():
        if source is None or not source.exists():
            continue
        if source.resolve().is_relative_to(target.resolve()):
            relation = "outside of" if folder else "to be another file than"
            raise ValueError(
                f"Expected {option} {relation} {name}, which is replaced. Received: {name} "
                f"{str(path)!r} and {option} {str(source)!r}"
            )
    return target


def check_name(target: Path, name: str, suffixes: Sequence[str] = ()) -> None:
    """Raise a ValueError where nothing can be renamed to a path, such as "." and "folder/..".

    Args:
        target: path of a file or folder to be.
        name: name of the argument, for messages.
        suffixes: the endings that it may have, such as ".png"; empty for any.
    """
    if suffixes and target.suffix.lower() not in suffixes:
        raise ValueError(f"Expected {name} to end in {suffixes[0]}. Received: {str(target)!r}")
    last = target.name
    if last in ("", "..") or "\0" in str(target) or len(os.fsencode(last)) > LONGEST_NAME:
        raise ValueError(
            f"Expected {name} to end in a name of at most {LONGEST_NAME} bytes without NUL, other "
            f"than . and .. Received: {name}={str(target)!r}"
        )


def vacant(path: Any, name: str = "path") -> Path:
    """Return `path` if something new can be created there; errors as for `destination`."""
    try:
        return destination(path, False, name)
    except FileExistsError:
        raise _taken(Path(path), name) from None


@contextlib.contextmanager
def replacing(path: Any, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary sibling of `path` to write a file or folder to; rename it at the end.

    On an error inside the block the temporary is removed and `path` stays as it was. Where `path`
    is a link to a folder, the folder that it points to is replaced and the link stays.

    Args:
        path: str or path-like of the file or folder.
        overwrite: whether what stands there is replaced. If not, what another process has put
            there in the meantime is kept.

    Raises:
        ValueError: If it cannot be the name of a file.
        FileExistsError: If something stands there in the end and may not be overwritten.
        IsADirectoryError: If a file was written and a folder stands there.
        NotADirectoryError: If a folder was written and a file stands there.
    """
    check_name(Path(path), "path")
    target = _place(Path(path)) if overwrite else Path(path)
    _clean(target)
    random = uuid.uuid4().hex[:8]
    temporary = target.with_name(f".kvae-{_key(target)}-{os.getpid()}-{random}{target.suffix}")
    try:
        yield temporary
        sync(temporary)
        _put(temporary, target, overwrite)
        sync_entry(target.parent)
    finally:
        _remove(temporary)


def _put(temporary: Path, target: Path, overwrite: bool) -> None:
    """Rename `temporary` to `target` in one step, however the process ends."""
    if not overwrite:
        try:
            if not _renameat2(temporary, target, NOREPLACE):
                _rename_to_vacant(temporary, target)
        except FileExistsError:
            raise _taken(target, "path") from None
        return
    _check_kind(target, temporary.is_dir(), "path")
    if not target.is_dir():
        os.replace(temporary, target)
    elif not _renameat2(temporary, target, EXCHANGE):  # else the temporary is the old one now
        # Two renamings: `_clean` puts the old one back if the process ends between them.
        old = temporary.with_name(temporary.name + "-old")
        os.replace(target, old)
        os.replace(temporary, target)
        _remove(old)


def _rename_to_vacant(temporary: Path, target: Path) -> None:
    """Rename without replacing where the system has no call for it."""
    if temporary.is_dir():
        os.mkdir(target)  # fails if something stands there; an empty folder can be replaced
        os.replace(temporary, target)
    else:
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            open(target, "xb").close()  # fails if something stands there, as mkdir does
            os.replace(temporary, target)


def _renameat2(source: Path, target: Path, flag: int) -> bool:
    """Rename by Linux' renameat2; return False where there is no such call."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    if call(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):  # of the kernel, or of the file system
        return False
    raise OSError(code, os.strerror(code), str(target))


def _key(target: Path) -> str:
    """Return what the names of the temporaries of a path and a machine have in common."""
    text = f"{socket.gethostname()}/{target.name}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _clean(target: Path) -> None:
    """Remove what processes that are gone have left of this path, and undo half a replacement."""
    try:
        names = os.listdir(target.parent)
    except OSError:
        return
    for name in names:
        match = TEMPORARY.fullmatch(name)
        if match is None or match["key"] != _key(target) or _runs(int(match["pid"])):
            continue
        left = target.with_name(name)
        if name.endswith("-old") and not os.path.lexists(target):
            os.replace(left, target)
        else:
            _remove(left)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _place(target: Path) -> Path:
    """Return the folder that a link points to; any other path as it is."""
    return target.resolve() if target.is_symlink() and target.is_dir() else target


def _check_kind(target: Path, folder: bool, name: str) -> None:
    """Raise where a file would replace a folder with all that it holds, or a folder a file."""
    if not folder and target.is_dir():
        raise IsADirectoryError(
            f"Expected {name} to be a file. Received: {name}={str(target)!r}, which is a folder: "
            "it would be deleted with all that it holds."
        )
    if folder and os.path.lexists(target) and not target.is_dir():
        raise NotADirectoryError(
            f"Expected {name} to be a folder. Received: {name}={str(target)!r}, where something "
            "else stands: choose another path or remove it first."
        )


def _taken(target: Path, name: str, overwrite: str | None = None) -> FileExistsError:
    ways = "choose another path or remove it first"
    if overwrite is not None:
        ways = f"choose another path, remove it first or pass {overwrite}"
    return FileExistsError(
        f"Expected {name} to be free. Received: {name}={str(target)!r}, where something stands "
        f"already: {ways}."
    )


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
