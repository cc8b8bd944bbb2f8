"""Schedules: a penalty's weight as a function of the training step.

A schedule is called inside the training graph with the step that the distribution layer counts in
its weight `training_step`. So it works under XLA and with `steps_per_execution`, and continues
where it was after saving and loading. Every schedule moves from `start` to `end` within `steps`
steps and stays there.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from kvae import checks

__all__ = [
    "Constant",
    "Cosine",
    "Cyclical",
    "Linear",
    "Schedule",
    "Sigmoid",
    "number_or_schedule",
]


def number_or_schedule(name: str, value: Any) -> Any:
    """Return `value`, a number of at least 0, a `Schedule` or the config of one, for storage.

    Args:
        name: the argument's name, for the error.
        value: what the user gave.

    Raises:
        ValueError: If it is none of these. A variable is refused: it would be read only once.
    """
    if isinstance(value, dict):
        value = keras.saving.deserialize_keras_object(value)
    if hasattr(value, "assign"):
        raise ValueError(
            f"Expected {name} to be a number of at least 0 or a schedule. A variable would be read "
            "only once; for a value that changes during training use Linear, Cosine, Sigmoid or "
            "Cyclical from kvae.regularizers.schedules, whose step is saved with the model. "
            f"Received: {name}={value!r}"
        )
    return value if isinstance(value, Schedule) else checks.non_negative(name, value)


@keras.saving.register_keras_serializable(package="kvae")
class Schedule:
    """A weight that changes with the training step; a base for the schedules below.

    A subclass defines `fraction`, how far it is on its way from `start` to `end`, in [0, 1].

    Args:
        steps: number of training steps (batches) until `end` is reached for good.
        start: value at step 0, at least 0.
        end: value from step `steps` on, at least 0.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class Quadratic(kvae.regularizers.Schedule):
        ...     def fraction(self, step):
        ...         return tf.square(tf.cast(step, tf.float32) / self.steps)
        >>> schedule = Quadratic(steps=10)
        >>> [float(schedule(step)) for step in (0, 5, 99)]
        [0.0, 0.25, 1.0]
    """

    def __init__(self, steps: int, start: Any = 0.0, end: Any = 1.0):
        self.steps = checks.positive_int("steps", steps)
        self.start = checks.non_negative("start", start)
        self.end = checks.non_negative("end", end)

    def fraction(self, step: Any) -> Any:
        """Return the share of the way that is done after `step` of `steps`, an int64 scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define fraction")

    def __call__(self, step: Any) -> Any:
        """Return the value at training step `step`, a float32 scalar.

        Args:
            step: number of training steps done so far, an integer scalar; the first batch of
                training sees 0.
        """
        # Integers until here: float32 cannot tell 2^24 from 2^24 + 1.
        step = tf.clip_by_value(tf.cast(step, tf.int64), 0, self.steps)
        fraction = tf.where(step < self.steps, self.fraction(step), 1.0)
        return self.start + (self.end - self.start) * fraction

    def _progress(self, step: Any) -> Any:
        return tf.cast(step, tf.float32) / float(self.steps)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this schedule again."""
        return {"steps": self.steps, "start": self.start, "end": self.end}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        """Return the schedule that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))


@keras.saving.register_keras_serializable(package="kvae")
class Constant(Schedule):
    """The same value at every step; the same as a plain number.

    Args:
        value: the value, at least 0.

    Example:
        >>> float(kvae.regularizers.schedules.Constant(0.5)(1_000))
        0.5
    """

    def __init__(self, value: Any):
        self.value = checks.non_negative("value", value)
        self.steps = 0

    def __call__(self, step: Any) -> Any:
        """Return the value, a float32 scalar."""
        return tf.constant(self.value, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this schedule again."""
        return {"value": self.value}


@keras.saving.register_keras_serializable(package="kvae")
class Linear(Schedule):
    """A straight line: value(t) = start + (end - start) t / steps.

    The usual warm-up of the KL: the decoder learns to use the latent vector before the prior
    pulls on it.

    Example:
        >>> warm_up = kvae.regularizers.schedules.Linear(steps=1_000)
        >>> [float(warm_up(step)) for step in (0, 500, 1_000, 5_000)]
        [0.0, 0.5, 1.0, 1.0]

    References:
        Bowman et al.: Generating Sentences from a Continuous Space, 2016, section 3.1,
        https://arxiv.org/abs/1511.06349
    """

    def fraction(self, step: Any) -> Any:
        """Return t / steps."""
        return self._progress(step)


@keras.saving.register_keras_serializable(package="kvae")
class Cosine(Schedule):
    """Half a cosine: value(t) = start + (end - start) (1 - cos(pi t / steps)) / 2.

    Like `Linear`, without a kink at either end.

    Example:
        >>> warm_up = kvae.regularizers.schedules.Cosine(steps=1_000)
        >>> [round(float(warm_up(step)), 4) for step in (0, 250, 500, 1_000)]
        [0.0, 0.1464, 0.5, 1.0]
    """

    def fraction(self, step: Any) -> Any:
        """Return (1 - cos(pi t / steps)) / 2."""
        return 0.5 - 0.5 * tf.cos(math.pi * self._progress(step))


@keras.saving.register_keras_serializable(package="kvae")
class Sigmoid(Schedule):
    """A logistic curve from `start` at step 0 to `end` at step `steps`, steep in the middle.

        value(t) = start + (end - start) (s(t) - s(0)) / (s(steps) - s(0)),
        s(t) = sigmoid(steepness (t / steps - 1/2)).

    Args:
        steps: number of training steps until `end` is reached.
        start: value at step 0, at least 0.
        end: value from step `steps` on, at least 0.
        steepness: how sharp the rise is; about 4 is nearly a line, 20 nearly a switch.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> warm_up = kvae.regularizers.schedules.Sigmoid(steps=1_000)
        >>> [round(float(warm_up(step)), 4) for step in (0, 250, 500, 1_000)]
        [0.0, 0.0701, 0.5, 1.0]

    References:
        Bowman et al.: Generating Sentences from a Continuous Space, 2016, figure 2,
        https://arxiv.org/abs/1511.06349
    """

    def __init__(self, steps: int, start: Any = 0.0, end: Any = 1.0, steepness: Any = 10.0):
        super().__init__(steps, start, end)
        self.steepness = checks.non_negative("steepness", steepness)
        if self.steepness == 0.0:
            raise ValueError("Expected steepness to be positive. Received: steepness=0.0")

    def fraction(self, step: Any) -> Any:
        """Return the logistic curve, stretched to pass through 0 and 1 at its ends."""
        low = 1.0 / (1.0 + math.exp(self.steepness / 2.0))
        curve = tf.sigmoid(self.steepness * (self._progress(step) - 0.5))
        return (curve - low) / (1.0 - 2.0 * low)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this schedule again."""
        return {**super().get_config(), "steepness": self.steepness}


@keras.saving.register_keras_serializable(package="kvae")
class Cyclical(Schedule):
    """`cycles` times a line from `start` to `end` and a rest at `end`.

    Within a cycle of `period` steps the line takes the first `ratio` of them:

        value(t) = start + (end - start) min(1, (t mod period) / (ratio period)).

    After the last cycle it stays at `end`, and so does it in the rest of that cycle: `steps` is
    period (cycles - 1) + ratio period, rounded up.

    Args:
        period: training steps in a cycle.
        cycles: number of cycles.
        ratio: share of a cycle in which the value rises, in (0, 1].
        start: value at the beginning of each cycle, at least 0.
        end: value at the end of each cycle, at least 0.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> cyclical = kvae.regularizers.schedules.Cyclical(period=100, cycles=2)
        >>> [float(cyclical(step)) for step in (0, 25, 75, 100, 125, 175, 500)]
        [0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 1.0]

    References:
        Fu et al.: Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing,
        2019, section 4, https://arxiv.org/abs/1903.10145
    """

    def __init__(
        self,
        period: int,
        cycles: int = 4,
        ratio: float = 0.5,
        start: Any = 0.0,
        end: Any = 1.0,
    ):
        self.period = checks.positive_int("period", period)
        self.cycles = checks.positive_int("cycles", cycles)
        self.ratio = checks.non_negative("ratio", ratio)
        if not 0.0 < self.ratio <= 1.0:
            raise ValueError(f"Expected ratio to lie in (0, 1]. Received: ratio={ratio!r}")
        rise = math.ceil(self.ratio * self.period)
        super().__init__(self.period * (self.cycles - 1) + rise, start, end)

    def fraction(self, step: Any) -> Any:
        """Return how far the line of the present cycle has come."""
        within = tf.cast(step % self.period, tf.float32)
        return tf.minimum(within / (self.ratio * self.period), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this schedule again."""
        return {
            "period": self.period,
            "cycles": self.cycles,
            "ratio": self.ratio,
            "start": self.start,
            "end": self.end,
        }
