"""The specification of one named input of a model, and the checks that follow from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.contract.domain import Domain
from kvae.contract.failures import assertion
from kvae.contract.mapped import is_mapped
from kvae.contract.plain_array import check_dtype, plain_array

__all__ = ["InputSpec", "fits", "target_of"]


@dataclass(frozen=True)
class InputSpec:
    """What one named input of a model has to be: a batch of events with values in a domain.

    Args:
        shape: shape of one example, without the batch axis; None for an axis of any size.
        dtype: name of the dtype in which the model computes with the input. Data of other dtypes
            are accepted and cast batch by batch.
        domain: the valid values.
        required: whether the input has to be given.

    Example:
        >>> from kvae.contract import Domain, InputSpec
        >>> spec = InputSpec((8, 8, 1), "float32", Domain(0.0, 1.0))
        >>> spec.check(np.zeros((5, 8, 8, 1)), "x").dtype
        dtype('float32')
        >>> spec.check(np.zeros((5, 8, 8)), "x")
        Traceback (most recent call last):
        ValueError: Expected x to have shape (batch, 8, 8, 1). Received: shape (5, 8, 8). Add a \
channel axis: x[..., None].
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    domain: Domain = field(default_factory=Domain)
    required: bool = True

    def check(self, value: Any, name: str) -> np.ndarray:
        """Return `value` as a valid array of shape (examples, *shape).

        Elements are checked in chunks of rows. A `np.memmap` stays one and is not copied; other
        arrays are copied only where they are of 64-bit floats.

        Args:
            value: array, (nested) list, tensor or numeric data frame.
            name: name of the argument, for messages.

        Raises:
            ValueError: If dtype, shape or elements are not valid, or if there is no example.
        """
        array = plain_array(value, name)
        self.check_static(array.shape, array.dtype, name)
        if not len(array):
            raise ValueError(
                f"Expected {name} to hold at least one example. Received: shape {array.shape}"
            )
        self.domain.check(array, name)
        if array.dtype == np.float64 and not is_mapped(array):  # those are cast batch by batch
            return array.astype(keras.config.floatx())
        return array

    def check_static(self, shape: Any, dtype: Any, name: str, pipeline: bool = False) -> None:
        """Raise a ValueError if a shape with its batch axis, or a dtype, cannot be valid.

        Args:
            shape: tuple or `tf.TensorShape`; None for an axis that is not known.
            dtype: of NumPy or TensorFlow.
            name: name of the argument, for messages.
            pipeline: whether they are those of the batches of a pipeline.
        """
        check_dtype(dtype, name)
        if isinstance(shape, tf.TensorShape) and shape.rank is None:
            return
        shape = tuple(shape)
        if not (shape and fits(shape[1:], self.shape)):
            expected = _with_batch(self.shape)
            hint = _shape_hint(shape, self.shape, pipeline, self.domain.integer)
            if name == "y" and not hint:
                hint = "y is what x is to become, x itself by default: leave labels out."
            message = f"Expected {name} to have shape {expected}. Received: shape {shape}"
            raise ValueError(f"{message}. {hint}" if hint else message)

    def check_in_graph(self, value: Any, name: str) -> Any:
        """Return a tensor behind assertions that it is valid; for data pipelines.

        Args:
            value: tensor of shape (batch, *shape) as far as it is known.
            name: name of the argument, for messages.
        """
        value = tf.convert_to_tensor(value)
        self.check_static(value.shape, value.dtype, name, pipeline=True)
        if value.shape.rank is None or None in value.shape[1:]:
            value = self._with_known_shape(value, name)
        return self.domain.check_in_graph(value, name)

    def _with_known_shape(self, value: Any, name: str) -> Any:
        """Return a tensor behind an assertion of its shape."""
        wanted = [-1, *(-1 if size is None else size for size in self.shape)]
        shape = tf.shape(value)
        valid = tf.cond(
            tf.equal(tf.rank(value), len(wanted)),
            lambda: tf.reduce_all((shape == wanted) | tf.equal(wanted, -1)),
            lambda: tf.constant(False),
        )
        text = f"{name} to have shape {_with_batch(self.shape)}. Received: shape [{{}}]"
        with tf.control_dependencies([assertion(valid, text, shape)]):
            return tf.ensure_shape(tf.identity(value), (None, *self.shape))


def _with_batch(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(map(str, ('batch', *shape)))}{'' if shape else ','})"


def target_of(specs: Mapping[str, InputSpec]) -> InputSpec:
    """Return the specification of what a model decodes: of its target, where it has one, else of x.

    Args:
        specs: those of the inputs by name.
    """
    return specs.get("target", specs["x"])


def fits(shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    """Return whether two shapes without the batch axis can be equal."""
    return len(shape) == len(expected) and all(
        size is None or wanted is None or size == wanted
        for size, wanted in zip(shape, expected, strict=True)
    )


def _shape_hint(
    shape: tuple[int | None, ...],
    expected: tuple[int | None, ...],
    pipeline: bool,
    classes: bool,
) -> str:
    """Return how to give an array the expected shape, a sentence; "" where nothing is likely.

    Each remedy is offered only where the shape is right after it.

    Args:
        shape: that of the array.
        expected: that of an example.
        pipeline: whether the array is an element of a pipeline.
        classes: whether whole numbers are expected.
    """
    if fits(shape, expected):
        return "Batch the pipeline: .batch(32)." if pipeline else "Add a batch axis: x[None]."
    event = shape[1:]
    if not event:  # a column of numbers, or one example that lacks several axes
        return "Add an axis: x[:, None]." if shape and expected == (1,) else ""
    if expected[-1:] == (1,) and fits(event, expected[:-1]):
        return "Add a channel axis: x[..., None]."
    if event[-1] == 1 and fits(event[:-1], expected):
        return "Remove the last axis: x[..., 0]."
    if classes and fits(event[:-1], expected):
        return "Of one-hot vectors give the indices of the ones: x.argmax(axis=-1)."
    if len(event) > 1 and fits((*event[1:], event[0]), expected):
        return "Move the channels to the last axis: np.moveaxis(x, 1, -1)."
    sizes = [size for size in event if size is not None]
    wanted = [size for size in expected if size is not None]
    known = len(sizes) == len(event) and len(wanted) == len(expected)
    flat = len(event) == 1 or len(expected) == 1  # otherwise a reshape could mix up the axes
    if known and flat and math.prod(sizes) == math.prod(wanted):
        return f"Reshape it: x.reshape({', '.join(map(str, (-1, *expected)))})."
    return ""
