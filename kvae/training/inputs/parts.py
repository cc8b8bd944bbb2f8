"""What each replica of a `tf.distribute.Strategy` is given of a global batch of arrays.

tf.data distributes batches and not rows: every worker would gather the whole batch, and the workers
would exchange in each step how much of it each of them holds. The order of the rows is the same
in all workers, so that each knows its own rows, and their share of the batch, without asking.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["Part", "PartsDataset", "are_parts", "rows_of_part"]


class Part(NamedTuple):
    """One replica's part of a global batch.

    Attributes:
        batch: the batch in the form that `Inputs.unpack` takes, with at least one example.
        examples: number of its examples that count, an int32 scalar: 0 where the global batch has
            fewer examples than there are replicas, and the one example here only fills the batch.
        share: `examples` divided by those of the global batch, a float32 scalar.
    """

    batch: Any
    examples: Any
    share: Any


def are_parts(batch: Any) -> bool:
    """Return whether a batch is a tuple of a `Part` for each replica of this process."""
    return isinstance(batch, tuple) and all(isinstance(part, Part) for part in batch)


def rows_of_part(rows: np.ndarray, replica: int, replicas: int) -> tuple[np.ndarray, int]:
    """Return the rows that a replica gathers of a global batch, and how many of them count.

    The parts differ by at most one row. Few networks and distributions compute anything from no
    example: a replica without one gathers the first of the batch.

    Args:
        rows: rows of the global batch.
        replica: number of the replica.
        replicas: number of all replicas.

    Example:
        >>> from kvae.training.inputs.parts import rows_of_part
        >>> [rows_of_part(np.array([7, 4, 2]), replica, 2) for replica in range(2)]
        [(array([7]), 1), (array([4, 2]), 2)]
        >>> rows_of_part(np.array([7]), replica=0, replicas=2)
        (array([7]), 0)
    """
    start, stop = (len(rows) * each // replicas for each in (replica, replica + 1))
    return (rows[start:stop] if stop > start else rows[:1]), stop - start


class PartsDataset(tf.data.Dataset, tf.distribute.DistributedDataset):
    """A dataset whose elements are tuples of a `Part` for each replica of this process.

    Keras hands a `tf.distribute.DistributedDataset` on as it is, and distributes every other one.

    Args:
        dataset: a dataset with these elements.
    """

    def __init__(self, dataset: tf.data.Dataset):
        self._dataset = dataset
        super().__init__(dataset._variant_tensor)  # as in the datasets of tensorflow-io

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._dataset]

    @property
    def element_spec(self) -> Any:
        """The structure of an element as `tf.TensorSpec`s."""
        return self._dataset.element_spec
