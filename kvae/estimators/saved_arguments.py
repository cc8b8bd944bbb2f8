"""What an estimator saves of itself as plain data, which JSON holds."""

import contextlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from kvae.data.tables.column import plain

__all__ = ["arguments_of", "saved_state", "with_arguments"]

E = TypeVar("E", bound=BaseEstimator)
# What is raised where a part of a file is missing, or of another type than the one written.
DAMAGES = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


def arguments_of(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the arguments of an estimator that reads tables, without `schema` and `random_state`.

    Names of columns are text or integers, and keys in JSON only text: `overrides` becomes pairs.
    Numbers of NumPy become Python's.

    Example:
        >>> from kvae.estimators.saved_arguments import arguments_of, with_arguments
        >>> detector = kvae.estimators.AnomalyDetector(overrides={7: "category"})
        >>> arguments_of(detector)["overrides"]
        [[7, 'category']]
        >>> with_arguments(kvae.estimators.AnomalyDetector, arguments_of(detector)).overrides
        {7: 'category'}
    """
    arguments: dict[str, Any] = {
        **estimator.get_params(),
        "schema": None,
        "random_state": None,
    }
    if arguments["overrides"] is not None:
        arguments["overrides"] = [
            [plain(name), kind] for name, kind in arguments["overrides"].items()
        ]
    return {name: plain(value) for name, value in arguments.items()}


def with_arguments(cls: type[E], arguments: dict[str, Any]) -> E:
    """Return the estimator whose arguments `arguments_of` returned."""
    pairs = arguments["overrides"]
    return cls(**{**arguments, "overrides": None if pairs is None else dict(map(tuple, pairs))})


@contextlib.contextmanager
def saved_state(
    cls: type[BaseEstimator], folder: Path, file: str, *others: str
) -> Iterator[dict[str, Any]]:
    """Give what the JSON file of a saved estimator holds, to make the estimator of it inside.

    Args:
        cls: class of the estimator, for messages.
        folder: what `save` wrote.
        file: name of the JSON file in it.
        *others: names of its other files.

    Raises:
        FileNotFoundError: If there is no such folder, or it lacks a file.
        ValueError: If a file is damaged or lacks something.
    """
    expected = f"Expected path to be a folder that {cls.__name__}.save wrote. Received: "
    for name in (file, *others):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{expected}{str(folder)!r} without {name}")
    try:
        yield json.loads((folder / file).read_text("utf-8"))
    except DAMAGES as error:
        raise ValueError(
            f"{expected}{str(folder)!r}, which is damaged: {type(error).__name__}: {error}"
        ) from error
