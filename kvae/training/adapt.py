"""What a model learns from the data before it is trained: the moments of its transforms."""

from typing import Any

import numpy as np

from kvae.layers.observed import not_missing

__all__ = ["BATCH_SIZE", "adapt", "check_adapted"]

BATCH_SIZE = 4096


def adapt(model: Any, x: Any, y: Any = None) -> None:
    """Let the transforms of a model see its training data; arguments as for `LatentModel.adapt`."""
    learning = [(index, each) for index, each in model.transforms() if each.learns]
    if not learning:
        raise ValueError(
            "Expected a model with a transform that learns from data, such as a likelihood "
            "kvae.layers.Transformed(layer, kvae.transforms.Standardization()). Received: a "
            f"{type(model).__name__} without one"
        )
    inputs = model.named_inputs()
    for _, transform in learning:
        transform.reset_state()
    for batch in inputs.source(x, y, batch_size=BATCH_SIZE, target=False):
        tensors, _ = inputs.unpack(batch)
        target, observed = np.asarray(tensors["target"]), tensors.get("observed")
        if inputs.specs["target"].domain.missing:
            observed = not_missing(target, observed)
        for index, transform in learning:
            mask = None if observed is None else np.asarray(observed)[..., index]
            transform.update_state(target[..., index], mask)
    check_adapted(model)


def check_adapted(model: Any) -> None:
    """Raise a ValueError if a transform of the model has not seen the training data."""
    for _, transform in model.transforms():
        transform.check_adapted()
