"""What `kvae train DATA` reads: a data set by name, a file or a folder."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvae.cli.inputs import read_examples

__all__ = ["NAMES", "TrainingData", "check_outside", "check_rows", "kinds_of", "path_of", "read"]

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
        kinds: kinds of columns that the user named, by the names that the table has, of which those
            of a .parquet file may be numbers.
    """

    data: Any
    name: str
    digest: str
    kinds: Mapping[Any, str] = field(default_factory=dict)

    def chosen(self, choices: dict[str, Any]) -> dict[str, Any]:
        """Return what the user decided with the kinds of columns by the names of the table."""
        return {**choices, "overrides": self.kinds} if self.kinds else choices


def read(name: str, seed: int, kinds: Mapping[str, str] | None = None) -> TrainingData:
    """Return the data of a name or a path.

    Args:
        name: one of `NAMES`, or the path of an .npy, .npz (x_train or x), .csv or .parquet file or
            of a folder of pictures.
        seed: seed of drawn data.
        kinds: kinds of columns that the user named, see `kinds_of`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such data, too few examples, or no column of `kinds`.
    """
    if name in NAMES:
        _kinds_in(None, kinds, name)
        return TrainingData(_named(name, seed), name, hashlib.sha256(name.encode()).hexdigest())
    path = Path(name)
    if not path.exists():
        raise FileNotFoundError(
            f"Expected DATA to be a file, a folder or one of {', '.join(NAMES)}. Received: {name!r}"
        )
    data = read_examples(path, option="DATA", arrays=("x_train", "x"), kinds=kinds)
    kinds = _kinds_in(data, kinds, name)
    if isinstance(data, Path):  # pictures of a folder are read later
        data = path.resolve()
    else:
        check_rows(data)
    return TrainingData(data, str(path.resolve()), _digest(path), kinds)


def path_of(name: str) -> Path | None:
    """Return the path that the user named; None for the name of data that come with kvae."""
    return None if name in NAMES else Path(name)


def check_outside(output: Path, name: str) -> None:
    """Raise where a run folder to be lies in the folder of the data.

    Its files would count as data: a resumed run would find other content than it began with.

    Args:
        output: the run folder.
        name: a name or a path of data, as for `read`.
    """
    folder = Path(name)
    if name in NAMES or not folder.is_dir():
        return
    if output.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            "Expected --output outside of the folder DATA, whose files the run is made of. "
            f"Received: --output {str(output)!r} and DATA {name!r}"
        )


def kinds_of(columns: Sequence[str]) -> dict[str, str]:
    """Return the kinds by name of `--column NAME=KIND`, or raise.

    Example:
        >>> from kvae.cli.training_data import kinds_of
        >>> kinds_of(["zip=category", "note=drop"])
        {'zip': 'category', 'note': 'drop'}
    """
    from kvae.data.tables.inference import KINDS

    kinds: dict[str, str] = {}
    for each in columns:
        name, mark, kind = each.rpartition("=")
        if not mark or not name or kind not in KINDS:
            raise ValueError(
                f"Expected --column NAME=KIND with one of the kinds {', '.join(KINDS)}. Received: "
                f"{each!r}"
            )
        if kinds.setdefault(name, kind) != kind:
            raise ValueError(f"Expected one kind of the column {name!r}. Received: two --column")
    return kinds


def _kinds_in(data: Any, kinds: Mapping[str, str] | None, name: str) -> dict[Any, str]:
    """Return kinds by the names that the columns of a table have; raise where one is not there."""
    if not kinds:
        return {}
    if not hasattr(data, "columns"):
        raise ValueError(
            "Expected DATA with --column to be a table, a .csv or .parquet file. Received: "
            f"{name!r}"
        )
    names = {str(column): column for column in data.columns}
    wrong = [column for column in kinds if column not in names]
    if wrong:
        listed = ", ".join(map(repr, map(str, data.columns[:20])))
        raise ValueError(
            f"Expected --column to name one of the columns {listed}. Received: {wrong[0]!r}"
        )
    return {names[column]: kind for column, kind in kinds.items()}


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
