"""MNIST and Fashion-MNIST, from `keras.datasets` or from a local file."""

import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["fashion_mnist", "mnist"]


def mnist(path: Any = None, labels: bool = False) -> tuple[Any, Any]:
    """Return the images of MNIST scaled to [0, 1].

    Args:
        path: an `mnist.npz` in the layout of `keras.datasets` (x_train, y_train, x_test, y_test).
            By default Keras downloads the file once and caches it.
        labels: whether to return (images, labels) pairs.

    Returns:
        (x_train, x_test) with shapes (60000, 28, 28, 1) and (10000, 28, 28, 1), float32; with
        `labels` pairs with labels.

    Raises:
        FileNotFoundError: If `path` does not exist, or the file is neither in Keras' cache nor
            downloadable.
        ValueError: If the file does not hold the four arrays.

    Example:
        >>> x_train, x_test = kvae.data.mnist()  # doctest: +SKIP
    """
    return _load("mnist", path, labels)


def fashion_mnist(path: Any = None, labels: bool = False) -> tuple[Any, Any]:
    """Return the images of Fashion-MNIST scaled to [0, 1].

    Args:
        path: a `fashion_mnist.npz` in the layout of `mnist`. By default Keras downloads the data.
        labels: whether to return (images, labels) pairs.

    Returns:
        (x_train, x_test) with shapes (60000, 28, 28, 1) and (10000, 28, 28, 1), float32.

    Raises:
        FileNotFoundError: If `path` does not exist, or the file is neither in Keras' cache nor
            downloadable.
        ValueError: If the file does not hold the four arrays.

    Example:
        >>> x_train, x_test = kvae.data.fashion_mnist()  # doctest: +SKIP
    """
    return _load("fashion_mnist", path, labels)


def _load(name: str, path: Any, labels: bool) -> tuple[Any, Any]:
    if path is None:
        (x_train, y_train), (x_test, y_test) = _download(name)
    else:
        x_train, y_train, x_test, y_test = _read(Path(path))
    x_train, x_test = _scale(x_train), _scale(x_test)
    if labels:
        return (x_train, y_train), (x_test, y_test)
    return x_train, x_test


def _scale(images: np.ndarray) -> np.ndarray:
    return (images[..., None] / np.float32(255.0)).astype("float32", copy=False)


def _read(path: Path) -> list[np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"Expected path to name an .npz file. Received: path={str(path)!r}")
    names = ["x_train", "y_train", "x_test", "y_test"]
    with np.load(path, allow_pickle=False) as arrays:
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ValueError(
                f"Expected {path} to hold the arrays {', '.join(names)}. Missing: "
                f"{', '.join(missing)}"
            )
        return [arrays[name] for name in names]


def _download(name: str) -> Any:
    import keras

    try:
        return getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for errors of urllib
        home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
        where = f"{home}/datasets"
        advice = (
            f"put mnist.npz into {where}/"
            if name == "mnist"
            else f"put its four .gz files into {where}/fashion-mnist/"
        )
        raise FileNotFoundError(
            f"Expected {name} in Keras' cache or a working download. Received: {error}. Either "
            f"{advice}, or pass path= to an .npz file with x_train, y_train, x_test and y_test."
        ) from error
