"""Elements that are not observed: filled by a valid value before any other check reads them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import InputSpec
from kvae.contract.input_spec import target_of
from kvae.contract.plain_array import plain_array

__all__ = ["OBSERVED", "filled", "filled_in_graph"]

OBSERVED = "observed"


def filled(given: Mapping[str, Any], specs: Mapping[str, InputSpec]) -> dict[str, Any]:
    """Return arrays by name, with a valid value where x and target are not observed.

    Args:
        given: arrays by name; "observed" among them is True where an element is known.
        specs: specification of each input by name.
    """
    arrays = dict(given)
    if OBSERVED not in given:
        return arrays
    observed = specs[OBSERVED].check(given[OBSERVED], OBSERVED).astype(bool)
    for name, spec in _masked(given, specs):
        value = plain_array(given[name], name)
        if value.shape[1:] == observed.shape[1:]:  # others are refused by the checks that follow
            if len(value) != len(observed):
                raise ValueError(
                    f"Expected observed to have the shape of {name}, {value.shape}. Received: "
                    f"shape {observed.shape}"
                )
            fill = np.asarray(spec.domain.valid_value(), value.dtype)
            arrays[name] = np.where(observed, value, fill)
    arrays[OBSERVED] = observed
    return arrays


def filled_in_graph(given: Mapping[str, Any], specs: Mapping[str, InputSpec]) -> dict[str, Any]:
    """Return tensors by name, as `filled` does for arrays."""
    tensors = dict(given)
    if OBSERVED not in given:
        return tensors
    observed = tf.cast(specs[OBSERVED].check_in_graph(given[OBSERVED], OBSERVED), tf.bool)
    for name, spec in _masked(given, specs):
        value = tf.convert_to_tensor(given[name])
        if value.shape.is_compatible_with(observed.shape):
            fill = tf.cast(spec.domain.valid_value(), value.dtype)
            tensors[name] = tf.where(observed, value, fill)
    tensors[OBSERVED] = observed
    return tensors


def _masked(
    given: Mapping[str, Any], specs: Mapping[str, InputSpec]
) -> list[tuple[str, InputSpec]]:
    """Return the inputs that the mask is about, with the specification that says what is valid."""
    target = target_of(specs)
    return [(name, target) for name in ("x", "target") if name in given]
