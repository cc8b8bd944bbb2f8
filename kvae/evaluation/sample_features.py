"""Checks of the features that samples are compared by."""

from typing import Any

import numpy as np

from kvae.contract.plain_array import plain_array

__all__ = ["checked_features"]


def checked_features(real: Any, generated: Any, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of features as float64 arrays (examples, features), or raise.

    Args:
        real: numbers (examples, ...); further axes are flattened.
        generated: numbers of the same shape, but for the number of examples.
        least: least number of examples of each.

    Example:
        >>> from kvae.evaluation.sample_features import checked_features
        >>> [part.shape for part in checked_features(np.zeros((4, 2, 2)), np.zeros((3, 2, 2)))]
        [(4, 4), (3, 4)]
    """
    arrays = [plain_array(real, "real"), plain_array(generated, "generated")]
    shapes = [array.shape for array in arrays]
    if min(map(len, shapes)) < 2 or shapes[0][1:] != shapes[1][1:]:
        raise ValueError(
            "Expected real and generated to hold features of one shape, (examples, features). "
            f"Received: {shapes[0]} and {shapes[1]}"
        )
    if min(map(len, arrays)) < least:
        raise ValueError(
            f"Expected real and generated to hold at least {least} examples each. Received: "
            f"{len(arrays[0])} and {len(arrays[1])}"
        )
    first, second = (array.reshape(len(array), -1).astype("float64") for array in arrays)
    for name, array in (("real", first), ("generated", second)):
        if not np.isfinite(array).all():
            raise ValueError(f"Expected {name} to be finite. Received: NaN or infinite values")
    return first, second
