"""What a manifest says of a file that trains; `training` in docs/bundle.md."""

from dataclasses import asdict
from typing import Any

from ..signatures import describe
from .functions import TrainingFunctions

__all__ = ["described"]


def described(training: TrainingFunctions, measured: Any) -> dict[str, Any]:
    """Return the description as plain data.

    Args:
        training: the functions of the file.
        measured: how they compare with Keras, a `MeasuredTraining`.
    """
    return {
        "trainable": training.plan.trainable,
        "optimizer": training.optimizer.to_dict(),
        "batch_size": training.plan.batch_size,
        "signatures": {name: describe(each) for name, each in training.functions.items()},
        "weights": [
            {"name": weight.path, "shape": list(weight.shape)} for weight in training.state.weights
        ],
        "state_size": sum(training.state.sizes),
        # Without times: the same model gives the same manifest.
        "measured": {k: v for k, v in asdict(measured).items() if k != "step_ms"},
    }
