"""Names of outputs that models, exported files and their clients agree on; no TensorFlow here."""

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["CENTERS", "decoded"]

# What stands for x: the mean, the median where a transform leaves no mean, or, in a row with
# columns of both kinds, the one or the other.
CENTERS = ("mean", "median", "center")

Value = TypeVar("Value")


def decoded(outputs: Mapping[str, Value]) -> Value:
    """Return what stands for x among the outputs of a function that decodes.

    Example:
        >>> from kvae.outputs import decoded
        >>> decoded({"z": 1, "median": 2})
        2
    """
    return next(outputs[name] for name in CENTERS if name in outputs)
