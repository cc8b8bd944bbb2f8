"""The host's side of `NonFiniteGuard`: stop `fit` after the first non-finite loss."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from kvae.training.non_finite import NonFinite

__all__ = ["NonFiniteCheck", "NonFiniteError"]


class NonFiniteError(FloatingPointError):
    """The training loss or its gradients are not finite.

    Args:
        message: what was found, and what to do.
        found: the step, the term and its value.

    Example:
        >>> from kvae.training.non_finite import NonFinite
        >>> error = kvae.callbacks.NonFiniteError("nll=nan", NonFinite(3, "nll", float("nan")))
        >>> error.found.step, error.found.term
        (3, 'nll')
    """

    def __init__(self, message: str, found: NonFinite):
        super().__init__(message)
        self.found = found


class NonFiniteCheck(keras.callbacks.Callback):
    """Read once per execution what the guard of the model has found.

    `model.guard` is a `NonFiniteGuard`. Of a model without one the loss in the logs is checked; its
    weights are then those after the step.

    Attributes:
        action: "raise", "stop" or "ignore"; see `kvae.callbacks.StopOnNonFinite`.
    """

    action = "raise"

    def start(self) -> None:
        """Begin to watch."""
        self._epoch = 0
        if self._guard is not None and self.action != "ignore":
            self._guard.start()

    def end(self) -> None:
        """Stop watching, also after an error."""
        if self._guard is not None:
            self._guard.stop()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch, for the message."""
        self._epoch = epoch

    def found(self, logs: Any) -> NonFinite | None:
        """Return the first non-finite value so far; None if all were finite.

        Args:
            logs: what the training function returned.
        """
        if self.action == "ignore":
            return None
        found = self._guard.found() if self._guard is not None else None
        if found is None and logs and "loss" in logs:
            loss = float(np.mean(logs["loss"]))
            if not math.isfinite(loss):
                step = int(self.model.optimizer.iterations.numpy())
                found = NonFinite(step, "loss", loss, kept=False)
        return found

    def act(self, found: NonFinite) -> None:
        """End the training.

        Raises:
            NonFiniteError: If the action is "raise" and no other callback has stopped the training.
        """
        message = self._message(found)
        # A callback that saw the loss and stopped the training, as TerminateOnNaN does, decides.
        if self.action == "raise" and not self.model.stop_training:
            raise NonFiniteError(message, found)
        self.model.stop_training = True
        warnings.warn(message, stacklevel=2)

    @property
    def _guard(self) -> Any:
        return getattr(self.model, "guard", None)

    def _message(self, found: NonFinite) -> str:
        kept = (
            "The model has the state before that step."
            if found.kept
            else "The weights of the model may not be finite either."
        )
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return (
            f"Expected every term of the training loss to be finite. Received: {found.term}="
            f"{found.value} at step {found.step}, in epoch {self._epoch + 1}. {kept} Scale the "
            "data (for example to zero mean and unit variance), clip the gradients (the "
            f"optimizer's clipnorm=1.0) or lower the learning rate (now {rate:g}). "
            'kvae.callbacks.StopOnNonFinite("ignore") turns this check off.'
        )
