"""What `kvae train DATA` reads: a data set by name, a file or a folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvae.cli.inputs import read_examples

__all__ = ["NAMES", "TrainingData", "check_rows", "read"]

NAMES = ("digits", "sprites", "faces", "mnist", "fashion_mnist")
LEAST_ROWS = 20
DRAWN = 10_000  # sprites and faces
CHUNK = 1 << 20


@dataclass(frozen=True)
class TrainingData:
    """Data as `kvae.choices_for` takes them.

    Attributes:
        data: an array, a pandas DataFrame, or the path of a folder of pictures.
        name: what the user named.
        digest: SHA-256 of the files, or of nothing but the name where the data come with kvae.
    """

    data: Any
    name: str
    digest: str


def read(name: str, seed: int) -> TrainingData:
    """Return the data of a name or a path.

    Args:
        name: one of `NAMES`, or the path of an .npy, .npz (x_train or x), .csv or .parquet file or
            of a folder of pictures.
        seed: seed of drawn data.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such data, or too few examples.
    """
    if name in NAMES:
        return TrainingData(_named(name, seed), name, hashlib.sha256(name.encode()).hexdigest())
    path = Path(name)
    if not path.exists():
        raise FileNotFoundError(
            f"Expected DATA to be a file, a folder or one of {', '.join(NAMES)}. Received: {name!r}"
        )
    data = read_examples(path, option="DATA", arrays=("x_train", "x"))
    if isinstance(data, Path):  # pictures of a folder are read later
        data = path.resolve()
    else:
        check_rows(data)
    return TrainingData(data, str(path.resolve()), _digest(path))


def check_rows(data: Any) -> None:
    """Raise where there are too few examples to train on."""
    rows = len(data) if getattr(data, "ndim", 1) else 1
    if rows < LEAST_ROWS:
        raise ValueError(
            f"Expected DATA to hold at least {LEAST_ROWS} examples. Received: {rows} examples"
        )


def _named(name: str, seed: int) -> Any:
    import numpy as np

    import kvae

    if name == "digits":
        return np.concatenate(kvae.data.digits())
    if name in ("mnist", "fashion_mnist"):
        return getattr(kvae.data, name)()[0]
    return getattr(kvae.data, name)(DRAWN, seed=seed).images


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and the contents of all files of a folder."""
    found = hashlib.sha256()
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    for file in files:
        if path.is_dir():
            found.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as content:
            while block := content.read(CHUNK):
                found.update(block)
    return found.hexdigest()
