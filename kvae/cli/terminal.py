"""Shared by the commands: the console, error output, and suppression of native logs."""

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

__all__ = [
    "bold",
    "console",
    "errors",
    "first_sentence",
    "plain",
    "quiet_native_logs",
    "say",
    "silent",
    "told_warnings",
    "warn",
]

console = Console()
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
INVALID = (
    ValueError,
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    OverflowError,
)


def silent(*_: Any, **__: Any) -> None:
    """Print nothing, in the place of `console.print`: with --json the output is JSON only."""


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """Turn an error into one line on standard error, and exit.

    The status is 2 where an argument or a file is not valid, else 1.
    """
    try:
        with told_warnings():
            yield
    except (typer.Exit, typer.Abort):  # these are RuntimeErrors
        raise
    except KeyboardInterrupt:
        Console(stderr=True).print("[bold red]Error:[/] Interrupted", highlight=False)
        raise typer.Exit(1) from None
    except (ValueError, OSError, RuntimeError, ImportError, MemoryError, OverflowError) as error:
        text = escape(plain(str(error) or type(error).__name__))
        Console(stderr=True).print(f"[bold red]Error:[/] {text}", highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, INVALID) else 1) from None


def say(text: str, **how: Any) -> None:
    """Print a sentence on one line, however long: a path in it stays whole for who copies it.

    Args:
        text: with the markup of rich.
        **how: further arguments of `rich.console.Console.print`.
    """
    console.print(text, highlight=False, soft_wrap=True, **how)


def warn(text: str) -> None:
    """Print a warning on standard error, so that standard output holds the result alone."""
    line = f"[yellow]Warning:[/] {escape(plain(text))}"
    Console(stderr=True).print(line, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    r"""Return a text of one line without control characters, which could command a terminal.

    Example:
        >>> from kvae.cli.terminal import plain
        >>> plain("a\x1b[31mb\nc")
        'a[31mb c'
    """
    return CONTROL.sub("", " ".join(text.split()))


def bold(path: Path | str) -> str:
    r"""Return a path as rich prints it in bold, with its own brackets.

    Example:
        >>> from kvae.cli.terminal import bold
        >>> bold("run[old]")
        '[bold]run\\[old][/]'
    """
    return f"[bold]{escape(plain(str(path)))}[/]"


def first_sentence(error: Exception) -> str:
    """Return what went wrong, without what Keras and pandas add."""
    text = " ".join(str(error).split())
    text = text.removeprefix("Error tokenizing data. C error: ")  # pandas names the line after it
    unknown = re.search(r"Could not locate class '[^']{1,80}'", text)
    return unknown[0] if unknown else text.split(". ")[0][:200].rstrip(".")


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Print warnings for the user as one line each, and no text twice.

    Those of other categories than `UserWarning` are for programmers, and are left out.
    """
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserWarning) and str(message) not in told:
            told.add(str(message))
            warn(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def quiet_native_logs() -> Iterator[None]:
    """Suppress what C++ code writes to standard error; print it if the block fails.

    Warnings for the user are given again when the block ends. Where an argument or a file is not
    valid, the error says all, in one line.

    TensorFlow and LiteRT log many lines on import that Python settings cannot turn off.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    said: list[warnings.WarningMessage] = []
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                yield
        except (*INVALID, KeyboardInterrupt):
            raise
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            for each in said:
                if issubclass(each.category, UserWarning):
                    warnings.showwarning(each.message, each.category, each.filename, each.lineno)
