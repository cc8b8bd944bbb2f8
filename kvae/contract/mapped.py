"""Arrays mapped from a file, read in chunks, whose pages are released after reading.

Pages of a mapped file count as the process's resident memory until they are released, so that one
pass over a file larger than the memory would exceed a container's limit.
"""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Released", "chunks", "is_mapped"]

CHUNK_BYTES = 2**26
# Linux maps 64 KB around the byte that was touched; 2 MB where it keeps the file in large pages,
# as it does after the file was read from end to end.
PAGES_AROUND = 2**21
HELD_BYTES = 2**28


def is_mapped(array: Any) -> bool:
    """Return whether `array` is a `np.memmap`, or a view of one that still says so."""
    return isinstance(array, np.memmap)


class Released:
    """Releases a mapped file's pages after every 256 MB read; does nothing for other arrays.

    Args:
        array: any array.
    """

    def __init__(self, array: np.ndarray):
        self.array = array
        self.touched = 0
        self.row_bytes = array.itemsize * int(np.prod(array.shape[1:])) + PAGES_AROUND
        # Of a copy-on-write mapping ("c") releasing would lose the user's changes.
        shared = is_mapped(array) and getattr(array, "mode", "c") != "c"
        self.mapping = _mapping(array) if shared and hasattr(mmap, "MADV_DONTNEED") else None

    def read(self, rows: int) -> None:
        """Note that `rows` rows were read."""
        self.touched += rows * self.row_bytes
        if self.mapping is not None and self.touched > HELD_BYTES:
            self.mapping.madvise(mmap.MADV_DONTNEED)
            self.touched = 0

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of some rows, releasing pages within a large batch as well."""
        if self.mapping is None:
            return self.array[rows]
        taken = np.empty((len(rows), *self.array.shape[1:]), self.array.dtype)
        piece = max(1, HELD_BYTES // self.row_bytes)
        for start in range(0, len(rows), piece):
            stop = min(start + piece, len(rows))
            taken[start:stop] = self.array[rows[start:stop]]
            self.read(stop - start)
        return taken


def chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield `array` in pieces of whole rows, about 64 MB each."""
    rows = max(1, CHUNK_BYTES // max(1, array.itemsize * int(np.prod(array.shape[1:]))))
    released = Released(array)
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        released.read(rows)


def _mapping(array: Any) -> mmap.mmap | None:
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, mmap.mmap) else None
