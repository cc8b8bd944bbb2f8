"""The codes of the examples: what a map of the latent space shows."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["CODES", "CODES_BYTES", "MOST_CODES", "codes_of", "npy"]

CODES = "codes.npy"
CODES_BYTES = 200_000  # of the numbers: 2,000 codes of 25 dimensions
MOST_CODES = 2_000


def codes_of(model: Any, examples: Mapping[str, np.ndarray], most: int = MOST_CODES) -> np.ndarray:
    """Return the posterior means of examples, as many as fit into `CODES_BYTES`.

    They are taken from all parts of the examples, whose order may be that of their classes.

    Args:
        model: a built `LatentModel` with one latent vector.
        examples: arrays (examples, ...) by the names of the model's inputs.
        most: of the codes.

    Returns:
        float32 array of shape (codes, latent_dim).

    Example:
        >>> from kvae.export.bundles.codes import codes_of
        >>> codes_of(vae, {"x": x_test[:64]}).shape
        (64, 2)
    """
    most = min(most, CODES_BYTES // (4 * model.latent_dim))
    rows = np.linspace(0, len(examples["x"]) - 1, min(most, len(examples["x"])), dtype=int)
    some = {name: array[rows] for name, array in examples.items()}
    mean, _ = model.encode(some if len(some) > 1 else some["x"])
    return np.asarray(mean, np.float32)


def npy(array: np.ndarray) -> bytes:
    """Return an array as the content of an .npy file.

    Example:
        >>> from kvae.export.bundles.codes import npy
        >>> npy(np.arange(3))[1:6]
        b'NUMPY'
    """
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
