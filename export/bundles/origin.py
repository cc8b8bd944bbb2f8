"""When, and by which versions, something was made; no TensorFlow here."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime

from kvae._version import __version__

__all__ = ["EXPORTED_BY", "RUN_BY", "date", "versions"]

RUN_BY = ("ai-edge-litert", "numpy")
EXPORTED_BY = (
    *RUN_BY,
    *("ai-edge-quantizer", "keras", "matplotlib", "tensorflow", "tensorflow-probability"),
)
LAST_SECOND = 253402300799  # of the year 9999


def date() -> str:
    """Return the time in UTC as ISO 8601, or what the variable SOURCE_DATE_EPOCH says.

    Raises:
        ValueError: If SOURCE_DATE_EPOCH is set and is not a number of seconds.

    Example:
        >>> from kvae.export.bundles.origin import date
        >>> len(date())
        20

    References:
        https://reproducible-builds.org/specs/source-date-epoch/
    """
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        now = datetime.now(UTC)
    elif told.isascii() and told.isdigit() and int(told[:20]) <= LAST_SECOND:
        now = datetime.fromtimestamp(int(told), UTC)
    else:
        raise ValueError(
            "Expected SOURCE_DATE_EPOCH to be a number of seconds since 1970. Received: "
            f"SOURCE_DATE_EPOCH={told!r:.80}"
        )
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, kvae and those of `packages` that are installed, by name.

    Example:
        >>> from kvae.export.bundles.origin import RUN_BY, versions
        >>> list(versions(RUN_BY))
        ['ai-edge-litert', 'kvae', 'numpy', 'python']
    """
    found = {"kvae": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # tensorflow-cpu is one of another name
            continue
    return dict(sorted(found.items()))
