"""The names of the pretrained models, and where their bundles are."""

from pathlib import Path

from kvae import checks

__all__ = ["NAMES", "folder"]

BUNDLES = Path(__file__).parent / "bundles"
NAMES = ("adult", "digits-28", "emoji-32", "fashion-28", "sensor-64")


def folder(name: str) -> Path:
    """Return the folder of the bundle of a pretrained model, as a part of the package.

    It holds the files of docs/bundle.md, model.keras among them. `runtime.py` is missing:
    installers compile what ends in .py, and a bundle with a compiled file in it is refused.

    Args:
        name: one of `kvae.zoo.NAMES`.

    Raises:
        ValueError: If the name is another one.

    Example:
        >>> from kvae.export.runtime import Model
        >>> model = Model(kvae.zoo.folder("digits-28"))
        >>> model.sample(2, seed=0).shape
        (2, 28, 28, 1)
    """
    return BUNDLES / checks.choice("name", name, NAMES)
