"""The model of a bundle as a `.keras` file, to be trained further and explored in Python."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from kvae import registered

__all__ = ["KERAS_FILE", "keras_file"]

KERAS_FILE = "model.keras"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest time that an entry of a zip file can have


def keras_file(vae: Any, date: str) -> bytes:
    """Return the content of a `.keras` file of a model, without its optimizer.

    It is compressed, and the same model and date give the same bytes: Keras writes the time of
    saving into the archive, here the date of the bundle stands in its place.

    Args:
        vae: a built `LatentModel`.
        date: of the bundle.

    Raises:
        ValueError: If Keras could not load it, since a class is not registered.

    Example:
        >>> from kvae.export.bundles.keras_file import keras_file
        >>> content = keras_file(vae, "2024-01-31T12:00:00Z")
        >>> _ = (folder / "small.keras").write_bytes(content)
        >>> keras.saving.load_model(folder / "small.keras").sample(2, seed=0).shape
        (2, 8, 8, 1)
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / KERAS_FILE
        _without_optimizer(vae).save(path)
        with zipfile.ZipFile(path) as archive:
            found = {name: archive.read(name) for name in sorted(archive.namelist())}
    told = {**json.loads(found["metadata.json"]), "date_saved": date}
    found["metadata.json"] = json.dumps(told).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, entry in found.items():
            place = zipfile.ZipInfo(name, FIRST_DAY)
            archive.writestr(place, entry, zipfile.ZIP_DEFLATED, compresslevel=9)
    return content.getvalue()


def _without_optimizer(vae: Any) -> Any:
    """Return a copy of a model that is not compiled, or raise where no file can hold it."""
    config = keras.saving.serialize_keras_object(vae)
    config.pop("compile_config", None)
    with registered.classes("for its .keras file"):
        # The code of a Lambda layer is that of the model itself, which the caller runs already.
        copy = keras.saving.deserialize_keras_object(config, safe_mode=False)
    copy.set_weights(vae.get_weights())
    return copy
