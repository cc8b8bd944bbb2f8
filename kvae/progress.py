"""A progress bar for long work, on a terminal only."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["progress"]


@contextlib.contextmanager
def progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on standard output, if that is a terminal, until the block ends.

    Args:
        title: what is done.
        steps: number of steps.

    Returns:
        A function to be called when a step begins, with what it is.

    Example:
        >>> from kvae.progress import progress
        >>> with progress("Exporting", steps=2) as begin:
        ...     begin("tracing")
        ...     begin("converting")
    """
    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=steps)
        begun = 0

        def begin(what: str) -> None:
            nonlocal begun
            bar.update(task, completed=begun, description=f"{title}: {what}")
            begun += 1

        yield begin
