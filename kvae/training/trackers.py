"""The running means behind the logs of `fit` and `evaluate`, and the number of their batches."""

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["Trackers"]


class Trackers:
    """One `keras.metrics.Mean` for each name, made when it is first asked for.

    It is no Keras object itself: Keras refuses to track new state of a built model, and an
    objective may report names that are known with its first batch only.

    Args:
        names: names that are known from the start, in the order of the logs.
        strategy: the `tf.distribute.Strategy` of the model; None for one replica.

    Attributes:
        trained: number of batches of training so far, a `tf.Variable`. An optimizer's `iterations`
            counts updates: none of a step that a loss scale skips. With several replicas nothing
            is counted.
        scored: number of batches that were scored so far.
    """

    def __init__(self, names: Iterable[str] = (), strategy: tf.distribute.Strategy | None = None):
        self._means = {name: keras.metrics.Mean(name=name) for name in names}
        self._counts = strategy is None or strategy.num_replicas_in_sync == 1
        with (strategy or tf.distribute.get_strategy()).scope():
            only = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
            self.trained = tf.Variable(0, dtype=tf.int64, name="batches_trained", **only)
            self.scored = tf.Variable(0, dtype=tf.int64, name="batches_scored", **only)

    @property
    def metrics(self) -> list[Any]:
        """The metrics, in the order of the logs."""
        return list(self._means.values())

    @property
    def are_empty(self) -> bool:
        """Whether no batch was added since the last reset."""
        counts = [tf.convert_to_tensor(mean.count) for mean in self._means.values()]
        return not any(float(count) for count in counts)  # of several replicas one number, too

    @property
    def names(self) -> list[str]:
        """The names that are known so far, in the order of the logs."""
        return list(self._means)

    def resume(self, names: list[str]) -> None:
        """Make the means of names that an interrupted run of the same loss got to know.

        Args:
            names: all names of that run, in its order. Those of another loss are left out.
        """
        if names[: len(self._means)] == self.names:
            for name in names[len(self._means) :]:
                self._means[name] = keras.metrics.Mean(name=name)

    def _check_alone(self, name: str) -> None:
        """Raise on several replicas, whose trace of a step can make no variable of a new mean."""
        if not self._counts:
            raise ValueError(
                f"Expected term_names to hold {name!r}, which is logged: on several replicas the "
                "terms of the loss have to be known before the first batch. Received: "
                f"{', '.join(self.names) or 'none'}. Define term_names of the objective, or of the "
                "model, as [*super().term_names(), name of the term]"
            )

    def update(self, values: dict[str, Any], examples: Any, training: bool) -> None:
        """Add the batch means `values` of as many examples, and count the batch."""
        if self._counts:
            (self.trained if training else self.scored).assign_add(1)
        for name, value in values.items():
            if name not in self._means:
                self._check_alone(name)
                self._means[name] = keras.metrics.Mean(name=name)
            self._means[name].update_state(value, sample_weight=examples)
