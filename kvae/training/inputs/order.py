"""Deterministic batch order, computed from seed, epoch and batch index.

Batch b of epoch e is a function of (seed, e, b) and the number of examples alone. A run that is
resumed in the middle of an epoch trains on the same batches as one that was never interrupted,
without reading the batches before.
"""

import numpy as np

from kvae import checks

__all__ = ["Order"]


class Order:
    """The rows of each batch of each epoch.

    The batches of a run are those of one pass over the examples after another, each pass in an
    order of its own. An epoch is one pass, or `batches` batches; it then begins where the epoch
    before it ended.

    Each iteration over the batches is the next epoch, unless `seek` says which one it is.

    Args:
        examples: number of examples.
        batch_size: examples a batch; the last batch of a pass may be short.
        shuffle: whether each pass has an order of its own; otherwise all are in the given order.
        seed: int of at least 0, decides the orders.
        batches: batches an epoch; all of a pass by default.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> from kvae.training.inputs.order import Order
        >>> order = Order(examples=5, batch_size=2, shuffle=False, seed=0)
        >>> [order.rows(batch).tolist() for batch in range(3)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        examples: int,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        batches: int | None = None,
    ):
        self.examples = checks.positive_int("examples", examples)
        self.batch_size = checks.positive_int("batch_size", batch_size)
        self.shuffle = bool(shuffle)
        self.seed = int(seed)
        self.batches_a_pass = -(-self.examples // self.batch_size)
        self.batches = (
            self.batches_a_pass if batches is None else checks.positive_int("batches", batches)
        )
        self._epoch = -1
        self._skip = 0
        self._drawn: tuple[tuple[int, int], np.ndarray] | None = None

    def seek(self, epoch: int, skip: int = 0) -> None:
        """Make the next iteration epoch `epoch`, and its first `skip` batches empty."""
        self._epoch = epoch - 1  # the first batch counts up
        self._skip = skip

    def rows(self, batch: int) -> np.ndarray:
        """Return the indices of the examples of a batch of the present epoch.

        Args:
            batch: number of the batch in the epoch; 0 begins the next epoch.
        """
        batch = int(batch)
        if batch == 0:
            self._epoch += 1
        if batch < self._skip:
            return np.zeros(0, "int64")
        index, within = divmod(self._epoch * self.batches + batch, self.batches_a_pass)
        start = within * self.batch_size
        stop = min(start + self.batch_size, self.examples)
        if not self.shuffle:
            return np.arange(start, stop)
        return self._permutation(index)[start:stop]

    def _permutation(self, index: int) -> np.ndarray:
        """Return the order of pass `index`; it is kept until another one is asked for."""
        key = (self.seed, index)
        drawn = self._drawn  # an abandoned iterator may still be drawing
        if drawn is None or drawn[0] != key:
            # RandomState, because NumPy promises that its permutations never change: a run may be
            # resumed after an update. Do not replace this with tf.random's index_shuffle, which
            # would need no memory: its permutations under neighbouring seeds correlate by 0.9.
            bits = np.random.MT19937(np.random.SeedSequence(key))
            drawn = self._drawn = key, np.random.RandomState(bits).permutation(self.examples)
        return drawn[1]
