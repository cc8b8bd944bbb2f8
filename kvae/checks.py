"""Validation of arguments: what was expected, what was received, what to do.

Nothing here imports TensorFlow.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "choice",
    "event_shape",
    "finite",
    "finite_weights",
    "image_shape",
    "line",
    "names",
    "non_finite",
    "non_finite_weights",
    "non_negative",
    "non_negative_int",
    "optional_positive_int",
    "positive",
    "positive_int",
    "positive_ints",
    "rate",
    "seed",
    "share",
    "some",
    "unmasked",
]


def unmasked(name: str, value: Any, remedy: str = "") -> None:
    """Raise a ValueError if `value` is a NumPy array with a mask, which a conversion would lose.

    Example:
        >>> from kvae import checks
        >>> checks.unmasked("x", np.ma.masked_less([1.0, -1.0], 0.0))
        Traceback (most recent call last):
        ValueError: Expected x without a mask, which would be lost. Received: a masked array. \
Put NaN where values are missing: x.filled(np.nan).
    """
    if isinstance(value, np.ma.MaskedArray):
        remedy = remedy or "Put NaN where values are missing: x.filled(np.nan)."
        text = f"Expected {name} without a mask, which would be lost. Received: a masked array."
        raise ValueError(f"{text} {remedy}")


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least one, or raise naming the argument `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"Expected {name} to be a positive integer. Received: {name}={value!r}")
    return number


def positive_ints(name: str, value: Any) -> list[int]:
    """Return `value` as a list of ints of at least one, or raise naming the argument `name`."""
    numbers = list(value) if hasattr(value, "__iter__") else []
    if not numbers:
        raise ValueError(
            f"Expected {name} to be a list of positive integers, such as [1]. Received: "
            f"{name}={value!r:.200}"
        )
    return [positive_int(name, number) for number in numbers]


def optional_positive_int(name: str, value: Any) -> int | None:
    """Return `value` as an int of at least one, or None if it is None."""
    return None if value is None else positive_int(name, value)


def non_negative_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least zero, or raise naming the argument `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0 or isinstance(value, bool):
        raise ValueError(
            f"Expected {name} to be an integer of at least 0. Received: {name}={value!r}"
        )
    return number


def event_shape(value: Any, name: str = "event_shape") -> tuple[int, ...]:
    """Return `value` (an int, a sequence of ints or an array of them) as a tuple of positive ints.

    An empty tuple is a scalar event. An array or tensor without axes is an int.
    """
    scalar = getattr(value, "shape", None) == ()  # it has __iter__ all the same
    if hasattr(value, "__iter__") and not scalar:
        dimensions = tuple(value)
    else:
        dimensions = (value,)
    try:
        return tuple(positive_int(name, size) for size in dimensions)
    except ValueError:
        raise ValueError(
            f"Expected {name} to hold positive integers, one for each axis of one example "
            f"(without the batch axis). Received: {name}={value!r}"
        ) from None


def image_shape(value: Any, name: str) -> tuple[int, int, int]:
    """Return a shape (height, width, channels), or raise naming the argument `name`."""
    shape = event_shape(value, name)
    if len(shape) != 3:
        raise ValueError(
            f"Expected {name} to be (height, width, channels). Received: {name}={shape}. "
            "Pictures without a channel axis need one, x[..., None]; for data of another shape use "
            "the mlp networks."
        )
    height, width, channels = shape
    return height, width, channels


def non_negative(name: str, value: Any) -> float:
    """Return `value` as a float of at least zero, or raise naming the argument `name`.

    A variable is refused: its value would be read once, and later changes have no effect.
    """
    if hasattr(value, "assign"):
        raise ValueError(
            f"Expected {name} to be a number: the value of a variable would be read only once. "
            f"Received: {name}={value!r}"
        )
    number = _number(value)
    if not 0.0 <= number < float("inf"):
        raise ValueError(
            f"Expected {name} to be a finite number of at least 0. Received: {name}={value!r}"
        )
    return number


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above zero, or raise naming the argument `name`."""
    number = _number(value)
    if not 0.0 < number < float("inf"):
        raise ValueError(
            f"Expected {name} to be a finite number above 0. Received: {name}={value!r}"
        )
    return number


def rate(name: str, value: Any) -> float:
    """Return `value` as a float in (0, 1), or raise naming the argument `name`."""
    return _below_one(name, value, positive(name, value))


def share(name: str, value: Any) -> float:
    """Return `value` as a float in [0, 1), or raise naming the argument `name`."""
    return _below_one(name, value, non_negative(name, value))


def _below_one(name: str, value: Any, number: float) -> float:
    if number >= 1.0:
        raise ValueError(f"Expected {name} to be below 1. Received: {name}={value!r}")
    return number


def finite(name: str, value: Any) -> float:
    """Return `value` as a finite float, or raise naming the argument `name`."""
    number = _number(value)
    if not math.isfinite(number):
        raise ValueError(f"Expected {name} to be a finite number. Received: {name}={value!r}")
    return number


def _number(value: Any) -> float:
    """Return a number as a float, and NaN for all else, text such as "3" included."""
    if isinstance(value, str | bytes):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an int beyond all floats
        return math.inf
    except (TypeError, ValueError):
        return math.nan


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of `allowed`, or raise naming the argument `name`."""
    if value not in allowed:
        options = ", ".join(repr(option) for option in allowed)
        raise ValueError(f"Expected {name} to be one of {options}. Received: {name}={value!r}")
    return value


def names(name: str, value: Any) -> list[Any]:
    """Return names as a list, or raise where the argument `name` is one text, not a list."""
    if isinstance(value, str | bytes):
        raise ValueError(
            f"Expected {name} to be a list of names, such as [{value!r:.80}]. Received: "
            f"{name}={value!r:.80}"
        )
    return list(value)


def non_finite(values: Any) -> bool:
    """Return whether an array of any type and shape holds NaN or an infinity."""
    values = np.asarray(values)
    if values.dtype.kind not in "fcV":  # V: bfloat16 and its like
        return False
    wide = values if values.dtype.kind in "fc" else values.astype("float32")
    return not np.isfinite(wide).all()


def non_finite_weights(model: Any) -> tuple[str, ...]:
    """Return the paths of the weights of a model that hold NaN or an infinity."""
    return tuple(weight.path for weight in model.weights if non_finite(weight))


def finite_weights(name: str, model: Any) -> None:
    """Raise if a model, the argument `name`, has weights that are not finite.

    What it computes need not show them: TensorFlow's relu makes zeros of NaN.
    """
    found = non_finite_weights(model)
    if found:
        raise ValueError(
            f"Expected {name} to have finite weights. Received: NaN or infinity in {some(found)}. "
            "Its training has diverged: train again from the last checkpoint, with a lower "
            "learning rate or clipped gradients."
        )


def seed(name: str, value: Any) -> int:
    """Return `value` as an int of 32 bits, or raise naming the argument `name`.

    Seeds of exported files are of 32 bits, and TensorFlow drops what a larger one has besides.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = 2**31
    if not -(2**31) <= number < 2**31:
        raise ValueError(
            f"Expected {name} to be an integer from -2147483648 to 2147483647. Received: "
            f"{name}={value!r:.200}"
        )
    return number


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, and how many there are besides.

    Example:
        >>> kvae.checks.some(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def line(name: str, value: Any) -> str:
    """Return `value` if it is one line of text without control characters; it may be empty."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(
            f"Expected {name} to be one line of text without control characters. Received: "
            f"{name}={value!r:.200}"
        )
    return value
