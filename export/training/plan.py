"""What is asked of a file that trains: which weights, by which optimizer, on how many rows."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kvae import checks

from .chosen import TRAINABLE, chosen_weights
from .optimizer import Optimizer, find_optimizer
from .state import State

__all__ = ["Plan", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """How a file trains its weights.

    Attributes:
        trainable: "scale", "heads" or "all", see `kvae.export.tflite`.
        optimizer: the optimizer.
        batch_size: rows of one step.
    """

    trainable: str
    optimizer: Optimizer
    batch_size: int

    def state(self, model: Any) -> State:
        """Return what the file trains of a model, and the optimizer's numbers for it.

        Raises:
            ValueError: If the model has no weights that `trainable` names.
        """
        return State(chosen_weights(model, self.trainable), self.optimizer.slots)


def plan_of(
    trainable: str | None, optimizer: Any, batch_size: int, presets: Collection[str]
) -> Plan | None:
    """Return the checked plan; None where nothing is trained.

    Args:
        trainable: one of `TRAINABLE`, or None.
        optimizer: an `Optimizer`, or the name of a method.
        batch_size: rows of one step.
        presets: names of the presets of the export, of which float32 alone can train.

    Raises:
        ValueError: If an argument is not of the form above, or float32 is not among the presets.
    """
    if trainable is None:
        return None
    checks.choice("trainable", trainable, TRAINABLE)
    if "float32" not in presets:
        raise ValueError(
            "Expected the preset 'float32' with trainable=...: a step changes a weight by less "
            "than the distance between two numbers of int8 or float16, which would learn nothing. "
            f"Received: {', '.join(presets)}"
        )
    size = checks.positive_int("training_batch_size", batch_size)
    return Plan(trainable, find_optimizer(optimizer), size)
