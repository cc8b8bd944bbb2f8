"""The reconstruction loss: the negative log-likelihood of a distribution layer."""

from typing import Any

import keras
import tensorflow as tf

from kvae.layers import DistributionLayer
from kvae.layers.packing import trailing_axes
from kvae.layers.trainability import check_without_weights

__all__ = ["NegativeLogLikelihood"]


@keras.saving.register_keras_serializable(package="kvae")
class NegativeLogLikelihood(keras.losses.Loss):
    """-log p(x|z) of each example in nats, summed over the event.

    A Keras mask of the parameters weighs the examples as in every Keras loss. Where it has further
    axes, which are the first of the event, such as the steps of a sequence, the elements that it
    leaves out are not observed.

    Args:
        likelihood: a `kvae.layers.DistributionLayer`.
        reduction: as for every Keras loss; "sum_over_batch_size" is the batch mean.
        name: name of the loss.
        dtype: dtype of the computation, float32 by default.

    Raises:
        ValueError: If `likelihood` is not a distribution layer or has weights to train, or if at
            call time the event, the parameters or their mask do not have its shapes.

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

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss, a scalar; see `keras.losses.Loss`."""
        reader = _MaskReader()  # one for each call: threads may share the loss
        params, mask = reader(y_pred), reader.mask
        batch = self._batch_axes(params)
        if mask is None or len(mask.shape) <= batch:
            return super().__call__(y_true, y_pred, sample_weight)
        event, over = self.likelihood.event_shape, tuple(mask.shape)[batch:]
        if over != event[: len(over)]:
            raise ValueError(
                f"Expected a mask of the batch axes, or also of the first axes of events of shape "
                f"{event}. Received: a mask of shape {tuple(mask.shape)}"
            )
        mask = mask[(..., *[tf.newaxis] * (len(event) - len(over)))]
        observed = tf.broadcast_to(mask, tf.shape(y_true))
        return _Masked(self, observed)(y_true, params, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example, shape (batch...).

        Args:
            y_true: the data, shape (batch..., *event_shape).
            y_pred: the parameters of the likelihood, shape (batch..., *params_shape).
        """
        return self.values(y_true, y_pred)

    def values(self, y_true: Any, y_pred: Any, observed: Any = None) -> Any:
        """Return -log p of the elements that are observed, shape (batch...).

        Args:
            y_true: as for `call`.
            y_pred: as for `call`.
            observed: booleans of the shape of `y_true`, or None; see `DistributionLayer.log_prob`.
        """
        # As many batch axes as the parameters have: (8, 1) data and (8,) distributions of numbers
        # would be broadcast to every pair of them.
        batch = self._batch_axes(y_pred)
        expected = self.likelihood.event_shape
        shape, params = tuple(y_true.shape), tuple(y_pred.shape)
        if len(shape) != batch + len(expected) or shape[batch:] != expected:
            wanted = ", ".join(map(str, (*params[:batch], *expected)))
            raise ValueError(
                f"Expected data of shape ({wanted}) for the likelihood "
                f"{type(self.likelihood).__name__} of event shape {expected}. Received: a tensor "
                f"of shape {shape}"
            )
        return -self.likelihood.log_prob(y_pred, y_true, observed)

    def _batch_axes(self, params: Any) -> int:
        """Return the number of batch axes of parameters."""
        shape = tuple(params.shape)
        if not self.likelihood.built:  # one of a function learns its shapes from the parameters
            self.likelihood.build(shape)
        return len(shape) - trailing_axes(self.likelihood, shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this loss again."""
        likelihood = keras.saving.serialize_keras_object(self.likelihood)
        return {**super().get_config(), "likelihood": likelihood}


class _Masked(keras.losses.Loss):
    """The loss with a mask of the elements that are observed."""

    def __init__(self, loss: NegativeLogLikelihood, observed: Any):
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self.loss, self.observed = loss, observed

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss.values(y_true, y_pred, self.observed)


class _MaskReader(keras.layers.Layer):
    """The mask of its input: Keras gives it to layers, and to no loss."""

    mask: Any = None

    def __init__(self) -> None:
        super().__init__(autocast=False)

    def call(self, params: Any, mask: Any = None) -> Any:
        self.mask = mask
        return tf.identity(params)

    def compute_mask(self, params: Any, previous_mask: Any = None) -> None:
        return None
