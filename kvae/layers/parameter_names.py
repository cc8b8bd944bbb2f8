"""The names of the parameters of layers side by side: name of the layer, name of the parameter."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

__all__ = ["check_parameter_names", "shared_parameters"]


def shared_parameters(first: Any, second: Any) -> list[str]:
    """Return the names that parameters of two layers share in a row, see `kvae.layers.Columns`.

    Args:
        first: a distribution layer.
        second: another one.

    Example:
        >>> from kvae.layers.parameter_names import shared_parameters
        >>> gain = kvae.layers.ZeroInflatedNegativeBinomial(name="gain")
        >>> shared_parameters(gain, kvae.layers.IndependentBernoulli(name="gain_zero"))
        ['gain_zero_logits']
        >>> shared_parameters(gain, kvae.layers.IndependentBernoulli(name="gain_one"))
        []
    """
    shorter, longer = sorted((first, second), key=lambda layer: len(layer.name))
    if not longer.name.startswith(f"{shorter.name}_"):
        return []
    names = {name for name in _names(shorter) if name.startswith(f"{longer.name}_")}
    return sorted(names & _names(longer)) if names else []


def check_parameter_names(layers: Sequence[Any]) -> None:
    """Raise a ValueError if parameters of two layers have one name.

    Args:
        layers: distribution layers with names of their own.
    """
    by_name = {layer.name: layer for layer in layers}
    for name, layer in by_name.items():
        ends = [end for end, letter in enumerate(name) if letter == "_"]
        for other in (by_name[name[:end]] for end in ends if name[:end] in by_name):
            shared = shared_parameters(other, layer)
            if shared:
                raise ValueError(
                    "Expected columns whose parameters have names of their own. Received: columns "
                    f"{other.name!r} and {name!r}, which both have {', '.join(shared)}. Rename one "
                    "of them."
                )


def _names(layer: Any) -> set[str]:
    with tf.init_scope():
        named = layer.named_parameters(tf.zeros((1, layer.params_size)))
    return {f"{layer.name}_{name}" for name in named}
