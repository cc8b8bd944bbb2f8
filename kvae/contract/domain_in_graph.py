"""The check of `Domain.check` for a batch of a data pipeline, in TensorFlow.

TensorFlow prepares the graph of a pipeline anew in each epoch, which takes about 0.2 ms for each
operation. So all parts of a row are checked at once, in vectors with one element for each part,
and the graph has about as many operations for a thousand columns as for one.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kvae.contract.failures import RANGE, assertion

if TYPE_CHECKING:
    from kvae.contract.domain import Domain

__all__ = ["checked"]


def checked(value: Any, domain: "Domain", name: str) -> Any:
    """Return a tensor behind an assertion that its elements are in the domain.

    Args:
        value: tensor of shape (batch, *event_shape).
        domain: what its elements have to be.
        name: name of the argument, for the message.
    """
    value = tf.convert_to_tensor(value)
    numbers = tf.cast(value, tf.uint8) if value.dtype.is_bool else value
    floating = numbers.dtype.is_floating
    parts = list(domain.parts())
    unknown = tf.math.is_nan(numbers) if domain.missing and floating else None
    low, high = _extremes(numbers, unknown, domain)
    valid = (low >= [part.domain.low for part in parts]) & tf.math.is_finite(low)
    valid &= (high <= [part.domain.high for part in parts]) & tf.math.is_finite(high)
    if unknown is not None:  # parts of which nothing is observed
        valid |= (low > high) & (tf.size(numbers) > 0)
    remarks = tf.fill([len(parts)], "")
    integer = np.array([part.domain.integer for part in parts])
    if integer.any() and floating:
        whole = tf.equal(numbers, tf.floor(numbers))
        whole = whole if unknown is None else whole | unknown
        whole = _of_parts(tf.cast(whole, tf.int32), domain, least=True) > 0
        valid &= whole | ~integer
        remarks = tf.where(whole | ~integer, remarks, ", not all whole")
    if any(part.domain.one_hot for part in parts):
        single = tf.stack([_is_one_hot(part, numbers, unknown) for part in parts])
        valid &= single
        remarks = tf.where(single, remarks, ", not one-hot")
    texts = [
        f"{name}{part.label} to hold {part.domain}. Received: {RANGE}{{}}. {part.domain.hint}"
        for part in parts
    ]
    first = tf.argmax(tf.cast(~valid, tf.int32))
    seen = (tf.gather(each, first) for each in (texts, low, high, remarks))
    with tf.control_dependencies([assertion(tf.reduce_all(valid), *seen)]):
        return tf.identity(value)


def _extremes(numbers: Any, unknown: Any, domain: "Domain") -> tuple[Any, Any]:
    """Return the least and the greatest element of each part, (parts,) in float32.

    Infinity and minus infinity where nothing is observed.
    """
    least = greatest = numbers
    if unknown is not None:
        infinity = tf.constant(math.inf, numbers.dtype)
        least, greatest = (tf.where(unknown, end, numbers) for end in (infinity, -infinity))
    low, high = _of_parts(least, domain, least=True), _of_parts(greatest, domain, least=False)
    return tf.cast(low, tf.float32), tf.cast(high, tf.float32)


def _of_parts(numbers: Any, domain: "Domain", least: bool) -> Any:
    """Return the least or the greatest element of each part of an event, (parts,)."""
    over = tf.reduce_min if least else tf.reduce_max
    if not domain.columns:
        return over(numbers)[None]
    found = over(numbers, tf.range(tf.rank(numbers) - 1))
    widths = [part.domain.width for part in domain.parts()]
    if max(widths) == 1:
        return found
    segment = tf.math.segment_min if least else tf.math.segment_max
    return segment(found, np.repeat(np.arange(len(widths)), widths))


def _is_one_hot(part: Any, numbers: Any, unknown: Any) -> Any:
    """Return whether a part with one-hot vectors holds nothing else; true for other parts."""
    if not part.domain.one_hot:
        return tf.constant(True)
    single = tf.equal(tf.reduce_sum(tf.cast(part.of(numbers), tf.float32), axis=-1), 1.0)
    if unknown is not None:
        single |= tf.reduce_all(part.of(unknown), axis=-1)
    return tf.reduce_all(single)
