"""The callbacks of a run, which are told of no batch that is not there."""

from typing import Any

import keras

__all__ = ["BatchCount", "CountedCallbacks", "last_batch", "listed"]


class CountedCallbacks(keras.callbacks.CallbackList):
    """Keras' list of callbacks, for data that are scored in executions of several batches.

    Args:
        callbacks: what the user gave, see `listed`.
        scored: number of batches that are scored: those of `evaluate`, or of the validation in
            `fit`; None where it is not known.
        **params: as `keras.callbacks.CallbackList` takes them.
    """

    def __init__(self, callbacks: Any, scored: int | None, **params: Any):
        self.scored = scored
        self._count = BatchCount()
        self._any_scored = False
        super().__init__(listed(callbacks), **params)

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin to count, where the data do not tell their length."""
        self._any_scored = False
        if self.scored is None:
            self._count.begin(self.model, self.model.trackers.scored)
        super().on_test_begin(logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks with the last batch that was scored."""
        self._any_scored = True
        scored = self.scored or self._count.so_far(self.model.trackers.scored)
        super().on_test_batch_end(last_batch(batch, scored), logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Call the callbacks; raise where the data, of unknown length, held no batch."""
        super().on_test_end(logs)  # first: a callback may have exchanged the weights to score
        if not self._any_scored:
            raise ValueError(
                "Expected data with at least one batch to score. Received: none, as of a generator "
                "that is used up"
            )


class BatchCount:
    """The number of batches since a beginning, by a variable that counts them.

    Keras counts whole executions, and data of unknown length do not say how many batches the last
    one held.
    """

    def __init__(self) -> None:
        self._before: int | None = None

    def begin(self, model: Any, counter: Any, skipped: int = 0) -> None:
        """Begin to count.

        Args:
            model: the model. With several replicas nothing is counted.
            counter: the variable, which rises by one with each batch; None where there is none.
            skipped: batches that count, but not in the variable.
        """
        alone = model.distribute_strategy.num_replicas_in_sync == 1
        known = alone and counter is not None
        self._before = int(counter.numpy()) - skipped if known else None

    def so_far(self, counter: Any) -> int | None:
        """Return the number of batches; None where it is not known."""
        if self._before is None:
            return None
        count = int(counter.numpy()) - self._before
        return count if count > 0 else None


def last_batch(batch: int, batches: int | None) -> int:
    """Return the number of the last batch of an execution.

    Keras counts whole executions, but the last one of an epoch may hold fewer batches.

    Args:
        batch: as Keras counts it, from 0.
        batches: batches of the epoch; None where it is not known.

    Example:
        >>> from kvae.training.counted_callbacks import last_batch
        >>> last_batch(27, batches=25)
        24
    """
    return batch if batches is None else min(batch, batches - 1)


def listed(callbacks: Any) -> list[Any]:
    """Return the callbacks of a list of any depth, a `CallbackList`, a single one or None."""
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return list(keras.tree.flatten(callbacks))
