"""`kvae doctor`: does this environment train and export a VAE?"""

import json
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

from rich.markup import escape
from rich.table import Table

from kvae.cli.terminal import console, plain, quiet_native_logs

__all__ = ["run"]


def run(as_json: bool) -> bool:
    """Try each part, print what was found, and return whether all of it works."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "packages": _packages,
        "Keras backend": _backend,
        "train a VAE": _train,
        "export and verify": _export,
    }
    found = []
    for name, check in checks.items():
        start = time.perf_counter()
        try:
            with quiet_native_logs():
                text, works = check(), True
        except Exception as error:  # whatever is broken here is what this command reports
            text, works = f"{type(error).__name__}: {plain(str(error))[:300]}", False
        seconds = round(time.perf_counter() - start, 1)
        found.append({"part": name, "works": works, "found": text, "seconds": seconds})
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        table = Table("part", "works", "found", "seconds")
        for line in found:
            mark = "[green]yes[/]" if line["works"] else "[bold red]no[/]"
            table.add_row(str(line["part"]), mark, escape(str(line["found"])), str(line["seconds"]))
        console.print(table)
    return all(line["works"] for line in found)


def _python() -> str:
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata("kvae-keras")["Requires-Python"]
    if not SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        raise RuntimeError(
            f"Expected Python {wanted}. Received: {platform.python_version()}; make a virtual "
            "environment with one of these"
        )
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _packages() -> str:
    """Return the versions of what kvae requires; raise where one is missing or too old."""
    from packaging.requirements import Requirement

    versions, wrong = [], []
    for text in metadata.requires("kvae-keras") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement} is missing")
            continue
        versions.append(f"{requirement.name} {version}")
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement} is needed, {version} is installed")
    if wrong:
        raise RuntimeError("; ".join(wrong) + ": install kvae-keras anew")
    return ", ".join(versions)


def _backend() -> str:
    import keras

    name = keras.config.backend()
    if name != "tensorflow":
        raise RuntimeError(
            f"Expected the backend tensorflow. Received: {name}; unset KERAS_BACKEND, or set it to "
            "tensorflow"
        )
    return name


def _model() -> Any:
    import kvae

    vae = kvae.vae_for(kvae.data.digits()[0][:256], verbose=0, networks="mlp", latent_dim=2)
    return vae


def _train() -> str:
    import numpy as np

    import kvae

    vae = _model()
    history = vae.fit(kvae.data.digits()[0][:256], epochs=2, verbose=0).history
    if not np.isfinite(history["loss"]).all():
        raise RuntimeError(f"the loss is {history['loss']}")
    return f"loss {history['loss'][0]:.0f}, then {history['loss'][-1]:.0f} nats"


def _export() -> str:
    import tempfile
    from pathlib import Path

    import kvae.export

    with tempfile.TemporaryDirectory() as folder:
        result = kvae.export.tflite(
            _model(), Path(folder) / "decoder.tflite", data=kvae.data.digits()[0][:64]
        )
        return f"TFLite, greatest difference to Keras {result.max_error:.1e}"
