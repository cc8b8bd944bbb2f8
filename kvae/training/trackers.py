"""The running means behind the logs of `fit` and `evaluate`."""

from collections.abc import Iterable
from typing import Any

import keras

__all__ = ["Trackers"]


class Trackers:
    """One `keras.metrics.Mean` for each name, made when it is first asked for.

    It is no Keras object itself: Keras refuses to track new state of a built model, and an
    objective may report names that are known with its first batch only.

    Args:
        names: names that are known from the start, in the order of the logs.
    """

    def __init__(self, names: Iterable[str] = ()):
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    @property
    def metrics(self) -> list[Any]:
        """The metrics, in the order of the logs."""
        return list(self._means.values())

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

    def update(self, values: dict[str, Any], examples: Any) -> None:
        """Add the batch means `values` of as many examples."""
        for name, value in values.items():
            if name not in self._means:
                self._means[name] = keras.metrics.Mean(name=name)
            self._means[name].update_state(value, sample_weight=examples)
