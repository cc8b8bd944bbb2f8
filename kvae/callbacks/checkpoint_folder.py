"""The files of a run's checkpoints: which are there and sound, and what a broken write left."""

import json
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

__all__ = ["PREFIX", "UNREADABLE", "CheckpointFolder", "Text"]

PREFIX = "ckpt"
UNREADABLE = (tf.errors.OpError, RuntimeError, ValueError)  # what reading a damaged one raises


class Text(tf.train.experimental.PythonState):
    """A text in a checkpoint; a variable of strings cannot be made under several workers."""

    text = ""

    def serialize(self) -> str:
        """Return what is written."""
        return self.text

    def deserialize(self, string_value: Any) -> None:
        """Take what was read."""
        self.text = tf.compat.as_text(string_value)


class CheckpointFolder:
    """The folder in which a `tf.train.CheckpointManager` numbers the checkpoints of one run.

    Each of them holds a `Text` by the name of `state`, which is JSON.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path):
        self.path = path

    def prefix(self, number: int) -> str:
        """Return what the names of a checkpoint's files begin with."""
        return str(self.path / f"{PREFIX}-{number}")

    def read(self, number: int) -> dict[str, Any]:
        """Return the state in a checkpoint, of which every byte was read and checked.

        Raises:
            Exception: One of `UNREADABLE`, if the checkpoint is damaged or not there.
        """
        reader = tf.train.load_checkpoint(self.prefix(number))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)  # TensorFlow compares checksums
        state = Text()
        tf.train.Checkpoint(state=state).restore(self.prefix(number)).expect_partial()
        return json.loads(state.text)

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """Return number and state of the newest checkpoint that can be read; None of no files.

        Raises:
            ValueError: If there are checkpoints, and all are damaged.
        """
        numbers = self._numbers()
        for number in reversed(numbers):
            try:
                return number, self.read(number)
            except UNREADABLE as error:
                warnings.warn(
                    f"The checkpoint {self.prefix(number)!r} is damaged and is passed over: "
                    f"{error}",
                    stacklevel=2,
                )
        if numbers:
            raise ValueError(
                f"Expected a checkpoint that can be read. Received: directory="
                f"{str(self.path)!r}, in which all {len(numbers)} are damaged. Give another "
                "folder to begin anew."
            )
        return None

    def tidy(self) -> None:
        """Remove what a process left that died while it wrote."""
        for folder in self.path.glob(f"{PREFIX}-*_temp"):
            shutil.rmtree(folder)
        try:
            tf.train.get_checkpoint_state(str(self.path))
        except ValueError:  # bytes that are no text; TensorFlow itself passes over other damage
            (self.path / "checkpoint").unlink()

    def keep(self, prefixes: Iterable[str]) -> None:
        """Remove the checkpoints but these: a break may leave one that the manager knows not."""
        known = {Path(prefix).name for prefix in prefixes}
        for number in self._numbers():
            if f"{PREFIX}-{number}" not in known:
                for file in self.path.glob(f"{PREFIX}-{number}.*"):
                    file.unlink()

    def _numbers(self) -> list[int]:
        """Return the numbers of the checkpoints in the folder, ascending, complete or not."""
        stems = [path.stem for path in self.path.glob(f"{PREFIX}-*.index")]
        found = [re.fullmatch(rf"{PREFIX}-(\d+)", stem) for stem in stems]
        return sorted(int(match[1]) for match in found if match)
