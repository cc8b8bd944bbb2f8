"""How the vector of a condition enters a network: one definition for all networks."""

from typing import Any

import keras

from kvae import checks

__all__ = ["joined"]


def joined(inputs: Any, features: Any, condition_dim: int | None, name: str) -> tuple[Any, Any]:
    """Return the inputs of a model, and flat features with the condition's vector beside them.

    Args:
        inputs: the network's `keras.Input`.
        features: what was made of it so far, (batch, n).
        condition_dim: elements of the vector, the second input; None for a network without one.
        name: name of the network.

    Example:
        >>> from kvae.networks.condition import joined
        >>> x = keras.Input((3,))
        >>> inputs, features = joined(x, x, 10, "encoder")
        >>> len(inputs), features.shape
        (2, (None, 13))
    """
    if condition_dim is None:
        return inputs, features
    size = checks.positive_int("condition_dim", condition_dim)
    vector = keras.Input((size,), name=f"{name}_condition")
    both = keras.layers.Concatenate(name=f"{name}_with_condition")([features, vector])
    return [inputs, vector], both
