"""The bundle of a pretrained model as a folder of the user's."""

from pathlib import Path
from typing import Any

from kvae import files
from kvae.zoo.names import folder

__all__ = ["copy"]


def copy(name: str, path: Any, overwrite: bool = False) -> Path:
    """Write the bundle of a pretrained model to a folder, with the `runtime.py` that runs it.

    Args:
        name: one of `kvae.zoo.NAMES`.
        path: folder to be.
        overwrite: whether to replace what stands at `path`.

    Returns:
        The folder.

    Raises:
        ValueError: If the name is another one.
        FileExistsError: If something stands at `path`.
        FileNotFoundError: If the folder of `path` does not exist.
        kvae.export.runtime.BundleError: If the files in the package were altered.

    Example:
        >>> written = kvae.zoo.copy("sensor-64", folder / "sensor")
        >>> sorted(file.name for file in written.glob("*.py"))
        ['runtime.py']
    """
    from kvae.export import runtime
    from kvae.export.bundles.seal import seal

    bundle = runtime.Bundle(folder(name))
    target = files.destination(path, overwrite)
    with files.replacing(target, overwrite) as temporary:
        temporary.mkdir()
        for file in bundle.names:
            content = bundle.read(file, (bundle.root / file).stat().st_size)
            (temporary / file).write_bytes(content)
        (temporary / "runtime.py").write_bytes(Path(runtime.__file__).read_bytes())
        seal(temporary, bundle.manifest, target.name)
    return target
