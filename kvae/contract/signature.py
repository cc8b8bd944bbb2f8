"""One function of an exported file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["Signature"]


@dataclass(frozen=True)
class Signature:
    """A named function of named inputs, each with a leading batch axis.

    It draws no hidden random numbers: a function that draws takes its seed as an input.

    Attributes:
        name: what callers call it.
        inputs: shape without batch axis and dtype of each input, by name.
        function: takes the inputs by name, returns outputs (batch, ...) by name.

    Example:
        >>> double = kvae.contract.Signature(
        ...     "double", {"x": ((3,), tf.float32)}, lambda x: {"y": 2.0 * x}
        ... )
        >>> double.function(x=tf.ones((1, 3)))["y"].numpy()
        array([[2., 2., 2.]], dtype=float32)
    """

    name: str
    inputs: dict[str, tuple[tuple[int, ...], tf.DType]]
    function: Callable[..., dict[str, Any]]
