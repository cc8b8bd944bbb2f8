"""Add what was measured on a device to a bundle; no TensorFlow here."""

import sys
from pathlib import Path
from typing import Any

from kvae import files

from .. import runtime
from .seal import seal

__all__ = ["save", "with_device"]


def with_device(manifest: dict[str, Any], device: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with an entry of `devices`, in the place of one of the same name.

    Args:
        manifest: content of manifest.json.
        device: the entry, see `measure`.

    Example:
        >>> from kvae.export.bundles.devices import with_device
        >>> with_device({"devices": [{"name": "a"}]}, {"name": "b"})
        {'devices': [{'name': 'a'}, {'name': 'b'}]}
    """
    devices = {each["name"]: each for each in [*manifest["devices"], device]}
    return {**manifest, "devices": list(devices.values())}


def save(path: Path, device: dict[str, Any]) -> None:
    """Write a bundle again with the entry of a device; the new one replaces it in one step.

    Args:
        path: folder of the bundle, or a link to it.
        device: the entry, see `measure`.

    Raises:
        BundleError: If the bundle is damaged; it is left as it is.
        OSError: If there is no place for a copy beside the bundle.
    """
    bundle = runtime.Bundle(path)
    with files.replacing(bundle.root) as folder:
        folder.mkdir()
        for name in bundle.names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bundle.read(name, sys.maxsize))
        seal(folder, with_device(bundle.manifest, device), bundle.root.name)
        _ = runtime.Bundle(folder).manifest  # it can be read
