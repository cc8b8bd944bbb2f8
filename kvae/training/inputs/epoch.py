"""How many batches an epoch has."""

from typing import Any

import tensorflow as tf

__all__ = ["batches_of"]


def batches_of(data: Any) -> int | None:
    """Return the batches of an epoch of a `tf.data.Dataset` or a `PyDataset`; None if unknown.

    Example:
        >>> from kvae.training.inputs.epoch import batches_of
        >>> batches_of(tf.data.Dataset.range(7))
        7
        >>> batches_of(tf.data.Dataset.range(7).repeat())
    """
    if isinstance(data, tf.data.Dataset):
        cardinality = int(data.cardinality())
        return cardinality if cardinality >= 0 else None  # negative: infinite or unknown
    return getattr(data, "num_batches", None)
