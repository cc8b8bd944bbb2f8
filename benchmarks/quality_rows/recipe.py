"""How a row is trained: plain Keras and kvae, put together in one place."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import keras

import kvae

# What can be left out of a recipe, with the setting that is without it. "nothing" is what the
# others are compared with, in as many epochs.
WHOLE = "nothing"
WITHOUT: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "cosine": {"cosine": False},
    "warm_up": {"warm_up": 0.0},
    "clip": {"clip": None},
    "average": {"average": None},
    "slow_average": {"average": 0.99},  # over 100 steps in place of 1,000
}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        epochs: length of the training; the learning rate reaches its end with the last one.
        batch_size: examples in a batch.
        learning_rate: of Adam, at its highest.
        cosine: whether the learning rate falls to zero along half a cosine; constant otherwise.
        warm_up: share of the steps in which the weight of the KL rises from 0 to 1 along a line.
        clip: bound of the gradients' global norm; None for none.
        average: momentum of the exponential moving average of the weights; None for none.
        draws: int, importance-weighted draws of the objective; 1 for the ELBO.
    """

    epochs: int = 100
    batch_size: int = 200
    learning_rate: float = 2e-3
    cosine: bool = True
    warm_up: float = 0.1
    clip: float | None = 100.0
    average: float | None = 0.999
    draws: int = 1

    def without(self, part: str) -> "Recipe":
        """Return the recipe without one of its parts, a key of `WITHOUT`."""
        return dataclasses.replace(self, **WITHOUT[part])

    def steps(self, examples: int) -> int:
        """Return the number of steps of the training."""
        return self.epochs * math.ceil(examples / self.batch_size)

    def kl_weight(self, examples: int) -> Any:
        """Return the weight of the KL, a number or a schedule."""
        steps = round(self.warm_up * self.steps(examples))
        return kvae.regularizers.schedules.Linear(steps) if steps else 1.0

    def optimizer(self, examples: int) -> keras.optimizers.Optimizer:
        """Return the optimizer of a training on so many examples."""
        rate: Any = self.learning_rate
        if self.cosine:
            rate = keras.optimizers.schedules.CosineDecay(rate, self.steps(examples))
        return keras.optimizers.Adam(
            rate,
            global_clipnorm=self.clip,
            use_ema=self.average is not None,
            ema_momentum=self.average or 0.0,
        )

    def objective(self) -> Any:
        """Return what `compile(loss=...)` takes."""
        return None if self.draws == 1 else kvae.losses.ImportanceWeightedELBO(self.draws)
