"""What `fit` does when the training loss is not finite any more."""

from typing import Any

from kvae import checks
from kvae.training.non_finite_check import NonFiniteCheck

__all__ = ["StopOnNonFinite"]

ACTIONS = ("raise", "stop", "ignore")


class StopOnNonFinite(NonFiniteCheck):
    """Choose what happens at the first step whose loss or gradients are NaN or infinite.

    `fit` of a kvae model always checks this; the callback changes what it does then. The check is
    part of the training graph. The step that failed is not taken, nor any after it: weights,
    optimizer, moving averages, random generators and metrics are those after the step before. A
    `Checkpoint` writes nothing more. Other callbacks are shown the non-finite loss, so that
    `keras.callbacks.TerminateOnNaN` works; if one of them stops the training, `fit` returns, with a
    warning.

    Under a `keras.optimizers.LossScaleOptimizer` gradients are not checked: it is normal that they
    overflow, and the optimizer skips such steps.

    Args:
        action: "raise", the default of `fit`: raise a `NonFiniteError` that names the step and the
            term of the loss. "stop": `fit` returns, with a warning. "ignore": training continues,
            as in Keras.

    Raises:
        ValueError: If `action` is something else.

    Example:
        >>> kvae.callbacks.StopOnNonFinite("stop").action
        'stop'
    """

    def __init__(self, action: Any = "raise"):
        super().__init__()
        self.action = checks.choice("action", action, ACTIONS)
