"""Notice a second run that writes into the same folder."""

import contextlib
import datetime
import os
import socket
from pathlib import Path
from typing import Any

__all__ = ["FolderLock"]

NAME = "run.lock"
_held: set[str] = set()  # by this process, whose own locks the system does not compare


class FolderLock:
    """A lock on a folder that the system releases when the process ends, however it ends.

    On a system without `fcntl`, or a file system without locks, runs of one process notice each
    other; those of several processes do not.

    Args:
        folder: the folder; it is created.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._key = os.path.realpath(folder)
        self._file: Any = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            RuntimeError: If another run has it.
        """
        if self._file is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._key in _held:
            raise self._taken("another run of this process")
        file = open(self.folder / NAME, "a+", encoding="utf-8")  # noqa: SIM115 (until `release`)
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):  # what systems say of a lock that is taken
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise self._taken(holder) from None
        file.truncate(0)
        now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}")
        file.flush()
        self._file = file
        _held.add(self._key)

    def release(self) -> None:
        """Give the lock back; does nothing without it."""
        if self._file is not None:
            _held.discard(self._key)
            with contextlib.suppress(OSError):  # a full disk
                self._file.truncate(0)
            self._file.close()
            self._file = None

    def _taken(self, holder: str) -> RuntimeError:
        return RuntimeError(
            f"Expected no other run to use directory={str(self.folder)!r}. Received: {holder} "
            "trains there. Wait until it ends, or give this run a folder of its own."
        )


def _lock(file: Any) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise
    except OSError:  # a file system without locks
        return
