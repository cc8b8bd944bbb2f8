"""The reconstruction loss: the negative log-likelihood of a distribution layer."""

from typing import Any

import keras

from kvae.layers import DistributionLayer
from kvae.layers.packing import trailing_axes
from kvae.layers.trainability import check_without_weights

__all__ = ["NegativeLogLikelihood"]


@keras.saving.register_keras_serializable(package="kvae")
class NegativeLogLikelihood(keras.losses.Loss):
    """-log p(x|z) of each example in nats, summed over the event.

    Args:
        likelihood: a `kvae.layers.DistributionLayer`.
        reduction: as for every Keras loss; "sum_over_batch_size" is the batch mean.
        name: name of the loss.
        dtype: dtype of the computation, float32 by default.

    Raises:
        ValueError: If `likelihood` is not a distribution layer or has weights to train, or if at
            call time the event or the parameters do not have its shapes.

    Example:
        >>> loss = kvae.losses.NegativeLogLikelihood(kvae.layers.IndependentBernoulli(2))
        >>> float(loss(np.ones((1, 2)), np.zeros((1, 2))))  # 2 log 2
        1.3862943649291992
    """

    def __init__(
        self,
        likelihood: DistributionLayer,
        reduction: str = "sum_over_batch_size",
        name: str = "negative_log_likelihood",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if isinstance(likelihood, dict):
            likelihood = keras.saving.deserialize_keras_object(likelihood)
        if not isinstance(likelihood, DistributionLayer):
            raise ValueError(
                "Expected likelihood to be a kvae distribution layer, such as "
                f"kvae.layers.IndependentBernoulli(event_shape). Received: {likelihood!r}"
            )
        check_without_weights(likelihood, "a loss")
        self.likelihood = likelihood

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example, shape (batch...).

        Args:
            y_true: the data, shape (batch..., *event_shape).
            y_pred: the parameters of the likelihood, shape (batch..., *params_shape).
        """
        if not self.likelihood.built:  # one of a function learns its shapes from the parameters
            self.likelihood.build(tuple(y_pred.shape))
        expected = self.likelihood.event_shape
        shape, params = tuple(y_true.shape), tuple(y_pred.shape)
        # As many batch axes as the parameters have: (8, 1) data and (8,) distributions of numbers
        # would be broadcast to every pair of them.
        batch = len(params) - trailing_axes(self.likelihood, params)
        if len(shape) != batch + len(expected) or shape[batch:] != expected:
            wanted = ", ".join(map(str, (*params[:batch], *expected)))
            raise ValueError(
                f"Expected data of shape ({wanted}) for the likelihood "
                f"{type(self.likelihood).__name__} of event shape {expected}. Received: a tensor "
                f"of shape {shape}"
            )
        return -self.likelihood.log_prob(y_pred, y_true)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this loss again."""
        likelihood = keras.saving.serialize_keras_object(self.likelihood)
        return {**super().get_config(), "likelihood": likelihood}
