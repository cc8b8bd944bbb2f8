"""Shared by the commands: the console, error output, and suppression of native logs."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

import typer
from rich.console import Console

__all__ = ["console", "fail", "quiet_native_logs"]

console = Console()


def fail(error: Exception) -> None:
    """Print the message of `error` and exit with status 1."""
    Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False)
    raise typer.Exit(1)


@contextlib.contextmanager
def quiet_native_logs() -> Iterator[None]:
    """Suppress what C++ code writes to standard error; print it if the block raises.

    TensorFlow and LiteRT log many lines on import that Python settings cannot turn off.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
