"""A progress bar over the epochs of `fit`, with the time that is left."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["TrainingBar", "training_bar"]

EVERY = 60.0  # seconds between two lines where there is no bar


class TrainingBar(keras.callbacks.Callback):
    """One line that shows epoch, loss and time left.

    Where the output is no terminal, a line goes to the standard error once a minute.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        columns = (
            TextColumn("epoch {task.completed}/{task.total}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        console = Console()
        self._begun = self._said = time.monotonic()
        self._lines = not console.is_terminal
        self._bar = Progress(*columns, console=console, transient=True, disable=self._lines)
        self._bar.start()
        self._task = self._bar.add_task("", total=self.params["epochs"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the epoch's loss."""
        names = ("loss", "val_loss")
        shown = [f"{name} {logs[name]:.4g}" for name in names if logs and name in logs]
        losses = ", ".join(shown)
        self._bar.update(self._task, completed=epoch + 1, description=losses)
        now = time.monotonic()
        if self._lines and now - self._said >= EVERY:
            self._said = now
            place, minutes = f"{epoch + 1}/{self.params['epochs']}", (now - self._begun) / 60
            print(f"epoch {place}: {losses}; {minutes:.1f} minutes", file=sys.stderr, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the bar."""
        self.close()

    def close(self) -> None:
        """Remove the bar, also after an interruption."""
        if self._bar is not None:
            self._bar.stop()


@contextlib.contextmanager
def training_bar(shown: bool = True) -> Iterator[list[keras.callbacks.Callback]]:
    """Give the callbacks of a `fit` that shows a bar; remove the bar in the end, also on an error.

    A bar that is left hides the cursor of the terminal.

    Args:
        shown: whether there is a bar; without one the list is empty.
    """
    bar = TrainingBar()
    try:
        yield [bar] if shown else []
    finally:
        bar.close()
