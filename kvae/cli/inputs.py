"""What the commands read: saved models and files of examples. Each problem is one sentence."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["load_vae", "read_examples"]


def load_vae(path: Path) -> Any:
    """Return the model that a .keras file holds; the functions it is passed to check its kind.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or needs classes that are not known.
    """
    import keras

    import kvae  # noqa: F401 - registers its classes

    if not path.is_file():
        raise FileNotFoundError(f"Expected MODEL to name a file. Received: {str(path)!r}")
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # of zip, of JSON, of Keras, of a layer's own code
        raise ValueError(
            "Expected MODEL to be a kvae.VAE saved as .keras, made of layers that kvae and Keras "
            f"know. Received: {str(path)!r} ({type(error).__name__}: {_first_sentence(error)})"
        ) from error


def read_examples(path: Path, others: Sequence[str] = (), option: str = "--data") -> Any:
    """Return the array of an .npy file, or the array `x_test` or `x` of an .npz file.

    Args:
        path: the file.
        others: names of inputs beside x. Where an .npz file holds some of them, a dict of arrays by
            name is returned, with x.
        option: name of the option that named the file, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such array.
    """
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"Expected {option} to name a file. Received: {str(path)!r}")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            found = [name for name in ("x_test", "x") if name in loaded]
            if found:
                beside = {name: loaded[name] for name in others if name in loaded}
                x = loaded[found[0]]
                return {"x": x, **beside} if beside else x
            names = loaded.files
    except Exception as error:  # of zip, of NumPy's format, of memory
        raise ValueError(
            f"Expected {option} to be an array of numbers in an .npy or .npz file. Received: "
            f"{str(path)!r} ({type(error).__name__}: {_first_sentence(error)})"
        ) from error
    raise ValueError(f"Expected {path} to hold an array x_test or x. Received: {names}")


def _first_sentence(error: Exception) -> str:
    """Return what went wrong, without the configurations that Keras adds."""
    text = " ".join(str(error).split())
    unknown = re.search(r"Could not locate class '[^']{1,80}'", text)
    return unknown[0] if unknown else text.split(". ")[0][:200].rstrip(".")
