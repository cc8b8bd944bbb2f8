"""The base of transforms whose numbers are given, or taken from data."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.transforms.transform import Transform

__all__ = ["LearnedTransform", "given_pair"]


class LearnedTransform(Transform):
    """A transform by numbers for each position of the last axis, given or learned by `adapt`.

    A subclass defines `start`, `statistics`, `purpose` and `learned`.

    Args:
        given: the numbers that were given, or None to learn them.
        **kwargs: Passed to `keras.layers.Layer`.

    Attributes:
        purpose: what the data are needed for, for the error on values that are not finite.
    """

    purpose = ""
    has_numbers = True

    def __init__(self, given: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.given = given
        self.learns = given is None
        self._seen = self.statistics()

    def start(self) -> dict[str, Any]:
        """Return the first value of each weight by its name: numbers or vectors (size,)."""
        raise NotImplementedError(f"{type(self).__name__} must define start")

    def statistics(self) -> Any:
        """Return an object that collects what is needed of batches.

        Its `add` takes them, and `count` is the number of observed values of each column.
        """
        raise NotImplementedError(f"{type(self).__name__} must define statistics")

    def learned(self) -> tuple[tuple[Any, ...], int] | None:
        """Return the weights' values in order, and the number of examples; None for too few."""
        raise NotImplementedError(f"{type(self).__name__} must define learned")

    def build(self, input_shape: Any) -> None:
        """Create the weights for data of shape (batch, ..., size)."""
        if self.built:
            return
        shape = tuple(input_shape)[1:][-1:]  # () where an example is one number
        for name, value in self.start().items():
            values = np.broadcast_to(np.asarray(value, "float32"), shape)
            weight = self.add_weight(
                shape=shape,
                initializer=keras.initializers.Constant(values),
                dtype="float32",
                trainable=False,
                autocast=False,  # read in half precision 300.3 would be 300.25
                name=name,
            )
            setattr(self, name, weight)
        self.count = self.add_weight(
            shape=(), initializer="zeros", dtype="int64", trainable=False, name="count"
        )
        super().build(input_shape)

    @property
    def is_adapted(self) -> bool:
        """Whether the numbers were given, or taken from data."""
        return self.given is not None or (self.built and int(self.count.numpy()) > 0)

    def unseen_columns(self) -> list[int]:
        """Return the columns without an observed value, see `Transform.unseen_columns`."""
        return np.flatnonzero(np.atleast_1d(self._seen.count) == 0).tolist()

    def keep_state(self) -> Callable[[], None]:
        """Return what puts back the numbers and the data seen, see `Transform.keep_state`."""
        put_back_weights, seen = super().keep_state(), self._seen

        def put_back() -> None:
            put_back_weights()
            self._seen = seen

        return put_back

    def reset_state(self) -> None:
        """Forget the data seen."""
        self._seen = self.statistics()
        if self.built:
            self.count.assign(0)

    def update_state(self, x: Any, observed: Any = None) -> None:
        """Add a batch of data, see `Transform.update_state`."""
        x = np.asarray(x)
        mask = np.ones(x.shape, bool) if observed is None else np.asarray(observed, bool)
        values = np.where(mask, x, 0).astype("float64")
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"Expected data whose observed values are finite, to {self.purpose}. Received: "
                "values that are NaN or infinite"
            )
        size = x.shape[1:][-1:] if not self.built else tuple(self._own_weights()[0].shape)
        self._seen.add(values.reshape(-1, *size), mask.reshape(-1, *size))
        found = self.learned()
        if found is None:
            return
        if not self.built:  # not for data that are refused
            self.build((None, *x.shape[1:]))
        numbers, count = found
        for weight, value in zip(self._own_weights(), numbers, strict=True):
            weight.assign(np.reshape(value, size))
        self.count.assign(count)

    def _own_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self.start()]

    def _weights(self, x: Any) -> tuple[Any, ...]:
        """Return the weights in the order of `start` and the dtype of `x`, each (size,)."""
        if not self.built:
            self.build(x.shape if x.shape.rank else (None,))
        return tuple(tf.cast(weight, x.dtype) for weight in self._own_weights())


def given_pair(**pair: Any) -> tuple[Any, Any] | None:
    """Return a given location and scale as plain lists or numbers; None where there are none.

    Args:
        **pair: the two by the names of the arguments, the scale last.

    Raises:
        ValueError: If one of them is missing, or they are not valid.

    Example:
        >>> from kvae.transforms.learned import given_pair
        >>> given_pair(mean=[1, 2], stddev=[0.5, 3])
        ([1.0, 2.0], [0.5, 3.0])
    """
    values = list(pair.values())
    if all(value is None for value in values):
        return None
    # A missing one becomes NaN, which is refused below.
    first, second = (np.asarray(np.nan if each is None else each, "float64") for each in values)
    valid = all(np.all(np.isfinite(array)) and array.ndim <= 1 for array in (first, second))
    if not valid or first.shape != second.shape or np.any(second <= 0.0):
        location, scale = pair
        raise ValueError(
            f"Expected {location} and {scale} together, as finite numbers or vectors of one shape "
            f"with a positive {scale}, or neither, to take them from data. Received: "
            f"{location}={values[0]!r}, {scale}={values[1]!r}"
        )
    return first.tolist(), second.tolist()
