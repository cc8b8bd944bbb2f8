"""The files of a run's checkpoints: written atomically, read with their checksums verified."""

import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from kvae import checks, files

__all__ = ["UNREADABLE", "CheckpointFolder", "Text"]

PREFIX, UNFINISHED = "ckpt", "unfinished"
DATA, INDEX = ".data-00000-of-00001", ".index"
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
    """The folder of the numbered checkpoints of one run.

    Each checkpoint holds lists of numbers and a `Text` named `state`, which is JSON. It consists of
    two files. The checkpoint exists once its index has its name; everything it needs is on the disk
    by then.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path):
        self.path = path

    def prefix(self, number: int) -> str:
        """Return what the names of a checkpoint's files begin with."""
        return str(self.path / f"{PREFIX}-{number}")

    def numbers(self) -> list[int]:
        """Return the numbers of the checkpoints in the folder, ascending, damaged or not."""
        stems = [path.stem for path in self.path.glob(f"{PREFIX}-*{INDEX}")]
        found = [re.fullmatch(rf"{PREFIX}-(\d+)", stem) for stem in stems]
        return sorted(int(match[1]) for match in found if match)

    def write(self, checkpoint: tf.train.Checkpoint, number: int) -> None:
        """Write a checkpoint; after an error or a power cut, it is complete or does not exist.

        Raises:
            OSError: If the files cannot be written, for example because the disk is full.
            tf.errors.OpError: The same, where TensorFlow writes.
        """
        unfinished = self.path / UNFINISHED
        try:
            checkpoint.write(str(unfinished))
            for end in (DATA, INDEX):
                files.sync(Path(f"{unfinished}{end}"))
            os.replace(f"{unfinished}{DATA}", f"{self.prefix(number)}{DATA}")
            files.sync_entry(self.path)
            os.replace(f"{unfinished}{INDEX}", f"{self.prefix(number)}{INDEX}")
            files.sync_entry(self.path)
        except Exception:
            self.tidy()  # make room
            raise

    def read(self, number: int) -> dict[str, Any]:
        """Return the state in a checkpoint, every byte of which was read and verified.

        Raises:
            Exception: One of `UNREADABLE`, if the checkpoint is damaged, holds non-finite numbers
                or does not exist.
        """
        reader = tf.train.load_checkpoint(self.prefix(number))
        for name in reader.get_variable_to_shape_map():
            if checks.non_finite(reader.get_tensor(name)):  # TensorFlow compares checksums
                raise ValueError(f"it holds non-finite numbers in {name.split('/.')[0]!r}")
        state = Text()
        tf.train.Checkpoint(state=state).read(self.prefix(number)).expect_partial()
        return json.loads(state.text)

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """Return number and state of the newest usable checkpoint; None of an empty folder.

        Raises:
            ValueError: If there are checkpoints, but none can be used.
        """
        numbers = self.numbers()
        for number in reversed(numbers):
            try:
                return number, self.read(number)
            except UNREADABLE as error:
                warnings.warn(
                    f"The checkpoint {self.prefix(number)!r} cannot be used and is skipped: "
                    f"{error}",
                    stacklevel=2,
                )
        if numbers:
            raise ValueError(
                "Expected a checkpoint that can be read and is finite. Received: directory="
                f"{str(self.path)!r}, in which all {len(numbers)} are damaged or hold non-finite "
                "numbers. Give another folder to begin a new run."
            )
        return None

    def tidy(self) -> None:
        """Remove what an interrupted write left."""
        known = set(self.numbers())
        for file in self.path.glob(f"{UNFINISHED}*"):
            if file.is_dir():  # where TensorFlow keeps the parts
                shutil.rmtree(file)
            else:
                file.unlink()
        for file in self.path.glob(f"{PREFIX}-*{DATA}"):
            number = re.fullmatch(rf"{PREFIX}-(\d+)", file.name.removesuffix(DATA))
            if number and int(number[1]) not in known:
                file.unlink()

    def keep(self, numbers: Iterable[int]) -> None:
        """Remove all checkpoints but these."""
        for number in set(self.numbers()) - set(numbers):
            Path(f"{self.prefix(number)}{INDEX}").unlink()
        self.tidy()
