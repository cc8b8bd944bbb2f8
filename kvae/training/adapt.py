"""What a model learns from the data before it is trained: the moments of its transforms."""

from typing import Any

import numpy as np

from kvae.contract.failures import explained
from kvae.layers.observed import not_missing
from kvae.training.inputs.streams import check_ends
from kvae.transforms.transform import relearning

__all__ = ["BATCH_SIZE", "adapt", "check_adapted"]

BATCH_SIZE = 4096


def adapt(model: Any, x: Any, y: Any = None) -> None:
    """Let the transforms of a model see its training data; arguments as for `LatentModel.adapt`."""
    learning = [each for each in _transforms(model) if each[2].learns]
    if not learning:
        raise ValueError(
            "Expected a model with a transform that learns from data, such as a likelihood "
            "kvae.layers.Transformed(layer, kvae.transforms.Standardization()). Received: a "
            f"{type(model).__name__} without one"
        )
    if len({id(each) for _, _, each in learning}) < len(learning):
        raise ValueError(
            "Expected a transform of its own wherever one learns from data. Received: one in two "
            "places, of the likelihood and the condition"
        )
    inputs = model.named_inputs()
    source = inputs.source(x, y, batch_size=BATCH_SIZE, target=False)
    check_ends(source, None, "x", None)
    with relearning([transform for _, _, transform in learning]):
        with explained():
            for batch in source:
                tensors, _ = inputs.unpack(batch)
                for name, index, transform in learning:
                    values = np.asarray(tensors[name])[..., index]
                    transform.update_state(values, _observed(inputs, name, index, values, tensors))
        for name, index, transform in learning:
            width = (1, *inputs.specs[name].shape)[-1]
            columns = np.atleast_1d(np.arange(width)[index]).tolist()
            transform.check_learned("x" if name == "target" and y is None else name, columns)


def check_adapted(model: Any) -> None:
    """Raise a ValueError if a transform of the model has not seen the training data."""
    for _, _, transform in _transforms(model):
        transform.check_adapted()


def _transforms(model: Any) -> list[tuple[str, Any, Any]]:
    """Return input, index and transform of all transforms of a model."""
    named = model.transforms_by_input().items()
    return [(name, index, each) for name, pairs in named for index, each in pairs]


def _observed(
    inputs: Any, name: str, index: Any, values: np.ndarray, tensors: dict[str, Any]
) -> Any:
    """Return a mask of the values that are known, or None where all are."""
    if name == "condition":  # a missing one is NaN
        return ~np.isnan(values)
    observed = tensors.get("observed")
    if inputs.specs[name].domain.missing:
        observed = not_missing(np.asarray(tensors[name]), observed)
    return None if observed is None else np.asarray(observed)[..., index]
