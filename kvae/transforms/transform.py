"""The base of all transforms."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain
from kvae.contract.mapped import chunks

__all__ = ["Transform", "as_float", "relearning"]


def as_float(x: Any) -> Any:
    """Return data as a tensor of float32, or of float64 where they are."""
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


@keras.saving.register_keras_serializable(package="kvae")
class Transform(keras.layers.Layer):
    """An invertible map y = f(x) of each element of the data.

    A density of y becomes one of x by the derivative, log p(x) = log p(f(x)) + log |f'(x)|. The
    computation is in float32 at least, whatever the dtype policy.

    A subclass defines `forward`, `inverse`, `log_derivative`, and `domain` where not every finite
    number is valid. One that learns from data also defines `learns`, `is_adapted`, `reset_state`
    and `update_state`, and `keep_state` where it holds more than its weights.

    Attributes:
        is_affine: whether f(x) = a x + b for each element: the mean of y is then mapped to the
            mean of x.
        learns: whether the transform has to see data before it is used, see `adapt`.
        has_numbers: whether it holds numbers of the data, learned or given, as weights.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class Cube(kvae.transforms.Transform):
        ...     def forward(self, x): return x**3
        ...     def inverse(self, y): return tf.sign(y) * tf.abs(y) ** (1 / 3)
        ...     def log_derivative(self, x): return tf.math.log(3 * x**2)
        >>> layer = kvae.layers.Transformed(kvae.layers.IndependentNormal(2), Cube())
        >>> layer.median(tf.constant([[8.0, 1.0, 0.0, 0.0]])).numpy().round(4)
        array([[2., 1.]], dtype=float32)
    """

    is_affine = False
    learns = False
    has_numbers = False
    xla_pays = True  # see `kvae.training.execution`

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def forward(self, x: Any) -> Any:
        """Return y = f(x), of the shape of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def inverse(self, y: Any) -> Any:
        """Return x with f(x) = y, of the shape of `y`."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse")

    def log_derivative(self, x: Any) -> Any:
        """Return log |f'(x)| of each element, of a shape that broadcasts with that of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define log_derivative")

    def domain(self, inner: Domain) -> Domain:
        """Return the values of x whose f(x) is in `inner`.

        Args:
            inner: valid values of y.

        Raises:
            ValueError: If the transform does not map onto `inner`.
        """
        if inner != Domain():
            raise ValueError(
                f"Expected a likelihood of any finite number after {type(self).__name__}. "
                f"Received: one of {inner}"
            )
        return Domain()

    @property
    def is_adapted(self) -> bool:
        """Whether the transform needs no data, or has seen them."""
        return True

    def adapt(self, x: Any, observed: Any = None) -> None:
        """Learn from data; what was seen before is forgotten.

        Args:
            x: array (examples, *event_shape), perhaps a `np.memmap`.
            observed: booleans of the shape of `x`, False where an element is missing.

        Raises:
            ValueError: If there is nothing to learn from, or a value is not finite. The transform
                is then as it was, but for the width of the data, which is set by the first part of
                them that can be learned from.
        """
        checks.unmasked("x", x)
        with relearning([self]):
            start = 0
            for chunk in chunks(np.asanyarray(x)):
                end = start + len(chunk)
                self.update_state(chunk, None if observed is None else observed[start:end])
                start = end
            self.check_learned()

    def check_adapted(self) -> None:
        """Raise a ValueError if the transform needs data and has not seen enough."""
        if not self.is_adapted:
            raise ValueError(
                f"Expected the transform {self.name!r} to have seen the training data. Received: "
                "none. Call vae.adapt(x_train) before fit."
            )

    def check_learned(self, name: str = "x", columns: Sequence[int] | None = None) -> None:
        """Raise a ValueError if the data seen since `reset_state` are too few to learn from.

        Args:
            name: name of the data.
            columns: number of each position of the last axis in them; by default from 0 on.
        """
        if self.is_adapted:
            return
        unseen = self.unseen_columns()
        numbers = [str(each if columns is None else columns[each]) for each in unseen]
        noun = "column" if len(numbers) == 1 else "columns"
        raise ValueError(
            f"Expected {name} with an observed value in each column, for the transform "
            f"{self.name!r}. Received: none"
            + (f" in {noun} {checks.some(numbers)}" if numbers else "")
        )

    def unseen_columns(self) -> list[int]:
        """Return the positions of the last axis of which the data seen hold no value."""
        return []

    def keep_state(self) -> Callable[[], None]:
        """Return a function that puts back what has been learned up to now."""
        kept = [(weight, weight.numpy()) for weight in self.weights]

        def put_back() -> None:
            self.reset_state()
            for weight, value in kept:
                weight.assign(value)

        return put_back

    def reset_state(self) -> None:
        """Forget the data seen."""

    def update_state(self, x: Any, observed: Any = None) -> None:
        """Learn from a batch of raw data.

        Args:
            x: array (batch, *event_shape).
            observed: booleans of the shape of `x`, False where an element is missing.
        """

    def call(self, x: Any) -> Any:
        """Return f(x), of the shape of `x`, in the compute dtype of the layer."""
        return tf.cast(self.forward(as_float(x)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)


@contextmanager
def relearning(transforms: Sequence[Transform]) -> Iterator[None]:
    """Forget the data that transforms have seen; put it back if the block raises.

    Within the block the transforms see their data. A part of the data would pass for all of them.
    """
    kept = [each.keep_state() for each in transforms]
    try:
        for each in transforms:
            each.reset_state()
        yield
    except BaseException:
        for put_back in kept:
            put_back()
        raise
