"""Assertions inside data pipelines, and the ValueErrors that they stand for.

A check in a tf.data pipeline can only fail as an `InvalidArgumentError` with a text of
TensorFlow's around it. `assertion` writes its text such that `explained` finds it again.
"""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

__all__ = ["OR_MISSING", "RANGE", "assertion", "explained"]

MARK = "kvae expected "
RANGE = "values in [{}, {}]"
OR_MISSING = ", or NaN where not observed"  # what a domain says that allows NaN


def assertion(valid: Any, text: Any, *values: Any) -> Any:
    """Return the operation that fails with "Expected " + `text` unless `valid`.

    Args:
        valid: boolean scalar tensor.
        text: the message after "Expected ", a str or a scalar string tensor, with one `{}` for each
            of `values`. Where it holds `RANGE`, the first two values are the extremes of the data.
        *values: tensors.
    """
    # Not `tf.debugging.Assert`: in a graph it adds a conditional with two functions to each.
    return tf.raw_ops.Assert(
        condition=valid, data=[tf.strings.join([MARK, text]), *values], summarize=-1
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn a failed check inside a data pipeline into the ValueError that it stands for."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        message = _clear(error.message)
        if message is None:
            raise
        raise ValueError(message) from None


def _clear(message: str) -> str | None:
    """Return the message behind that of an `InvalidArgumentError`; None if there is none."""
    if MARK in message:  # of `assertion`: "[kvae expected text] [value] [value]" on one line
        said = message.split(MARK, 1)[1].split("\n", 1)[0].rstrip().removesuffix("]")
        text, *values = said.rsplit("] [", said.count("{}"))
        if RANGE in text and not all(_is_finite(value) for value in values[:2]):
            none = values[:2] == ["inf", "-inf"]  # the extremes of no elements
            kind = "infinite" if OR_MISSING in text else "NaN or infinite"
            what = "no examples" if none else f"values that are {kind}"
            return f"Expected {text.split(RANGE)[0]}{what}"
        for value in values:
            text = text.replace("{}", value, 1)
        return f"Expected {text}".rstrip()
    # Of a check in Python code that TensorFlow called: it quotes what was raised.
    raised = re.search(r"ValueError: (Expected .* Received: .*)", message)
    return raised[1] if raised else None


def _is_finite(number: str) -> bool:
    return math.isfinite(float(number))
