"""The folder of a run of `kvae train`: run.json says how it was made."""

import json
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from kvae import files
from kvae.cli.training_data import TrainingData
from kvae.export.runtime import SUMS, Bundle

__all__ = [
    "bundle_of",
    "data_of",
    "description",
    "holds_bundle",
    "is_bundle",
    "model_of",
    "schema_file_of",
    "series_of",
    "state_of",
    "write_text",
]

VERSION = 1  # of run.json
MODEL = "model.keras"
BUNDLE = "bundle"
RUN = "run.json"
PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy", "kvae-keras")


def state_of(folder: Path) -> dict[str, Any]:
    """Return what run.json of a run folder says.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or of another version.
    """
    path = folder / RUN
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a run folder of kvae train, with run.json. Received: {str(folder)!r}"
        )
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        known = state["version"] == VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Expected {path} as kvae train wrote it. Received: {error!r}") from None
    if not known:
        raise ValueError(f"Expected {path} of version {VERSION}. Received: {state['version']!r}")
    return dict(state)


def description(
    found: TrainingData, job: str, settings: dict[str, Any], choices: dict[str, Any]
) -> dict[str, Any]:
    """Return what run.json says of a run before training.

    Args:
        found: the data.
        job: anomaly, table or generate.
        settings: of the run.
        choices: what the user decided about the model.
    """
    return {
        "version": VERSION,
        "status": "training",
        "job": job,
        "command": shlex.join(["kvae", *sys.argv[1:]]),
        "data": {"name": found.name, "digest": found.digest},
        "settings": settings,
        "choices": choices,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
    }


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with files.replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def bundle_of(folder: Path) -> Path:
    """Return the bundle that a run folder holds, or the folder itself where it is no run folder.

    Raises:
        ValueError: If it is a run folder without a bundle.
    """
    if not (folder / RUN).is_file():
        return folder
    if not holds_bundle(folder):
        raise ValueError(
            "Expected a bundle, or a run folder with one, as kvae train --job anomaly writes it. "
            f"Received: the run folder {str(folder)!r}; kvae export {folder} --output BUNDLE "
            "writes a bundle of its model"
        )
    return folder / BUNDLE


def holds_bundle(folder: Path) -> bool:
    """Return whether it is a run folder that holds a bundle, as those of `--job anomaly` do."""
    return (folder / RUN).is_file() and (folder / BUNDLE).is_dir()


def is_bundle(path: Path) -> bool:
    """Return whether a path is the folder of a bundle."""
    return (path / SUMS).is_file()


def model_of(path: Path) -> Path:
    """Return the .keras file of a run folder or a bundle, or the path itself if it is no folder.

    Raises:
        ValueError: If it is a bundle or a run folder without one, or the digest of the file is
            another.
    """
    if not path.is_dir():
        return path
    if is_bundle(path):
        if not (path / MODEL).is_file():
            raise ValueError(
                f"Expected MODEL to be a bundle with {MODEL}, which kvae export --keras adds. "
                f"Received: {str(path)!r}"
            )
        Bundle(path).read(MODEL, sys.maxsize)
    elif not (path / MODEL).is_file() and (path / RUN).is_file():
        state = state_of(path)
        why = f"of --job {state['job']}"
        if state["status"] != "finished":
            why = f"which is not finished: kvae train --resume {shlex.quote(str(path))}"
        raise ValueError(
            f"Expected MODEL to be a run folder with {MODEL}, as kvae train --job generate writes "
            f"it. Received: {str(path)!r}, {why}"
        )
    return path / MODEL


def schema_file_of(path: Path) -> Path | None:
    """Return the file with the schema of the table of a run folder or bundle; None if none."""
    if is_bundle(path):
        table = Bundle(path).manifest.get("table")
        return None if table is None else path / "manifest.json"
    schema = path / "schema.json"
    return schema if schema.is_file() else None


def data_of(folder: Path) -> str:
    """Return the name of the data of a run, without their folder; nothing where it is no run."""
    return Path(state_of(folder)["data"]["name"]).name if (folder / RUN).is_file() else ""


def series_of(folder: Path) -> dict[str, Any] | None:
    """Return how a run folder cuts a series into windows, see `Series`; None if it does not."""
    if not (folder / RUN).is_file():
        return None
    found = state_of(folder).get("results", {}).get("series")
    return None if found is None else dict(found)
