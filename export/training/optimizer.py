"""Optimizers in operations that TFLite has, with their state in variables of the file."""

from dataclasses import asdict, dataclass
from typing import Any

from kvae import checks

__all__ = ["Optimizer", "find_optimizer"]

METHODS = ("sgd", "adam")


@dataclass(frozen=True)
class Optimizer:
    """How an exported file trains its weights.

    With the gradient g of the loss, after clipping, and the learning rate r of the call:

        sgd:   m = momentum m - r g,    w = w + m
        adam:  m = momentum m + (1 - momentum) g,    v = decay v + (1 - decay) g^2,
               w = w - r sqrt(1 - decay^t) / (1 - momentum^t) m / (sqrt(v) + epsilon)

    These are `keras.optimizers.SGD(momentum=)` and `Adam(beta_1=, beta_2=, epsilon=)`, both with
    `global_clipnorm=`, and the check after the export compares them with these.

    Args:
        method: "sgd" or "adam".
        momentum: in [0, 1).
        decay: of the squared gradients, in [0, 1); Adam alone.
        epsilon: a positive number; Adam alone. It is larger than in Keras: with 1e-7 a gradient of
            rounding errors makes a step of full length, and no two engines then agree for long.
        clip_norm: largest norm of all gradients together, a positive number.
        pull: weight of 1/2 |w - w_shipped|^2 in the loss, at least 0: it draws the weights back to
            those of the file (L2-SP).

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> kvae.export.Optimizer("sgd", momentum=0.5).pull
        0.01

    References:
        Kingma, Ba: Adam, 2015, https://arxiv.org/abs/1412.6980;
        Li, Grandvalet, Davoine: Explicit Inductive Bias for Transfer Learning with Convolutional
        Networks, 2018, https://arxiv.org/abs/1802.01483
    """

    method: str = "adam"
    momentum: float = 0.9
    decay: float = 0.999
    epsilon: float = 1e-2
    clip_norm: float = 10.0
    pull: float = 1e-2

    def __post_init__(self) -> None:
        checks.choice("method", self.method, METHODS)
        numbers = {
            "momentum": checks.share,
            "decay": checks.share,
            "epsilon": checks.positive,
            "clip_norm": checks.positive,
            "pull": checks.non_negative,
        }
        for name, check in numbers.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))

    @property
    def slots(self) -> int:
        """How many numbers of state it keeps for each weight."""
        return 2 if self.method == "adam" else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)

    def step(self, weight: Any, gradient: Any, slots: list[Any], rate: Any, count: Any) -> Any:
        """Return the new value of a weight, and those of its slots.

        Args:
            weight: its value.
            gradient: of the loss, clipped.
            slots: the values of its state.
            rate: the learning rate, a scalar.
            count: number of this step, from 1 on, a float scalar.
        """
        import tensorflow as tf

        if self.method == "sgd":
            moved = self.momentum * slots[0] - rate * gradient
            return weight + moved, [moved]
        first = slots[0] + (1.0 - self.momentum) * (gradient - slots[0])
        second = slots[1] + (1.0 - self.decay) * (tf.square(gradient) - slots[1])
        rate *= tf.sqrt(1.0 - tf.pow(self.decay, count)) / (1.0 - tf.pow(self.momentum, count))
        return weight - rate * first / (tf.sqrt(second) + self.epsilon), [first, second]

    def in_keras(self, learning_rate: float) -> Any:
        """Return the optimizer of Keras that the file is compared with."""
        import keras

        if self.method == "sgd":
            return keras.optimizers.SGD(
                learning_rate, momentum=self.momentum, global_clipnorm=self.clip_norm
            )
        return keras.optimizers.Adam(
            learning_rate,
            beta_1=self.momentum,
            beta_2=self.decay,
            epsilon=self.epsilon,
            global_clipnorm=self.clip_norm,
        )


def find_optimizer(optimizer: Any) -> Optimizer:
    """Return `optimizer`, an `Optimizer` or the name of a method.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    return Optimizer(checks.choice("optimizer", optimizer, METHODS))
