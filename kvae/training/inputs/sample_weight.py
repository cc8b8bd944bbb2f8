"""Checks of sample weights: one finite weight of at least 0 for each example, not all of them 0."""

from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Domain
from kvae.contract.failures import assertion
from kvae.contract.plain_array import check_dtype, plain_array

__all__ = ["check_static", "check_weight", "check_weight_in_graph"]

NAME = "sample_weight"
DOMAIN = Domain(0.0)


def check_weight(weight: Any, examples: int) -> np.ndarray:
    """Return `weight` as a valid float32 array of shape (examples,).

    Args:
        weight: array, list, tensor or data series.
        examples: number of examples that it has to weigh.

    Raises:
        ValueError: If it has another shape, is not finite, negative, or zero everywhere.

    Example:
        >>> from kvae.training.inputs.sample_weight import check_weight
        >>> check_weight([1, 0.5], examples=2)
        array([1. , 0.5], dtype=float32)
    """
    array = plain_array(weight, NAME)
    if array.shape != (examples,):
        raise ValueError(
            f"Expected {NAME} to have shape ({examples},), one weight for each of the {examples} "
            f"examples of x. Received: shape {array.shape}"
        )
    DOMAIN.check(array, NAME)
    if not array.any():
        raise ValueError(f"Expected {NAME} to hold a weight above 0. Received: only zeros")
    return np.asarray(array, dtype="float32")


def check_static(shape: Any, dtype: Any) -> None:
    """Raise a ValueError if the shape or dtype of a batch of weights cannot be valid."""
    check_dtype(dtype, NAME)
    if isinstance(shape, tf.TensorShape) and shape.rank is None:
        return
    if len(shape) != 1:
        raise ValueError(
            f"Expected {NAME} to have shape (batch,), one weight for each example. Received: shape "
            f"{tuple(shape)}"
        )


def check_weight_in_graph(weight: Any) -> Any:
    """Return a tensor of weights, shape (batch,), behind assertions that they are valid."""
    weight = tf.convert_to_tensor(weight)
    check_static(weight.shape, weight.dtype)
    text = f"{NAME} to have shape (batch,). Received: shape [{{}}]"
    flat = assertion(tf.equal(tf.rank(weight), 1), text, tf.shape(weight))
    text = f"{NAME} to hold a weight above 0 in each batch. Received: only zeros"
    some = assertion(tf.reduce_any(tf.not_equal(weight, tf.zeros((), weight.dtype))), text)
    with tf.control_dependencies([flat, some]):
        weight = tf.identity(weight)
    return DOMAIN.check_in_graph(weight, NAME)
