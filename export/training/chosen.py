"""Which weights of a model train on a device."""

from typing import Any

import keras

from kvae import checks
from kvae.layers import LearnedScale, ModulatedScale

__all__ = ["TRAINABLE", "chosen_weights"]

TRAINABLE = ("scale", "heads", "all")
SCALES = (LearnedScale, ModulatedScale)


def chosen_weights(model: Any, trainable: str) -> list[Any]:
    """Return the weights that `trainable` names, in the order of the model.

    Args:
        model: a `LatentModel`.
        trainable: "scale" for the learned scale of the likelihood; "heads" for it and, in each
            network, the last layer that has a kernel with what follows it; "all" for every weight
            that `fit` trains.

    Raises:
        ValueError: If the model has no such weights.

    Example:
        >>> from kvae.export.training.chosen import chosen_weights
        >>> len(chosen_weights(vae, "heads"))  # kernel and bias of two layers
        4
    """
    checks.choice("trainable", trainable, TRAINABLE)
    known = list(model.trainable_variables)
    wanted: set[int] = {id(weight) for weight in known} if trainable == "all" else set()
    for network in model.networks():
        layers = _leaves(network)
        kernels = [i for i, each in enumerate(layers) if getattr(each, "kernel", None) is not None]
        for index, layer in enumerate(layers):
            last = trainable == "heads" and kernels and index >= kernels[-1]
            if last or isinstance(layer, SCALES):
                wanted |= {id(weight) for weight in layer.trainable_variables}
    found = [weight for weight in known if id(weight) in wanted]
    if not found:
        needed = {
            "scale": "a decoder that ends in a kvae.layers.LearnedScale or ModulatedScale",
            "all": "a model with weights that are not frozen",
            "heads": "networks whose layers Keras lists, such as a functional model's",
        }
        raise ValueError(
            f"Expected {needed[trainable]}, for trainable={trainable!r}. Received: a "
            f"{type(model).__name__} without"
        )
    return found


def _leaves(network: Any) -> list[Any]:
    """Return the layers of a network, those of inner models in their place."""
    inner = getattr(network, "layers", None)
    if not isinstance(network, keras.Model) or inner is None:
        return [network]
    return [leaf for layer in inner for leaf in _leaves(layer)]
