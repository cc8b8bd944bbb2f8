"""The callbacks of a run, which are told of no batch that is not there."""

from typing import Any

import keras

__all__ = ["CountedCallbacks", "last_batch", "listed"]


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
        super().__init__(listed(callbacks), **params)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks with the last batch that was scored."""
        super().on_test_batch_end(last_batch(batch, self.scored), logs)


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
