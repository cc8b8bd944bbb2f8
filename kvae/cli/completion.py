"""Completion of an option's values in the shell."""

from collections.abc import Callable

__all__ = ["one_of"]


def one_of(*values: str) -> Callable[[str], list[str]]:
    """Return what typer takes as `autocompletion` of an option with a few values.

    Args:
        *values: all that the option takes, each of which its help names.

    Example:
        >>> from kvae.cli.completion import one_of
        >>> one_of("linear", "spherical")("sp")
        ['spherical']
    """

    def completed(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return completed
