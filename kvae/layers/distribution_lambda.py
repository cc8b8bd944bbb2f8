"""Any `tfd` distribution as a layer, from a function that a saved model can name."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kvae import checks, registered
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.packing import trailing_axes
from kvae.layers.trainability import check_without_variables

__all__ = ["DistributionLambda"]


@keras.saving.register_keras_serializable(package="kvae")
class DistributionLambda(DistributionLayer):
    """A distribution layer from a function: params -> `tfd.Distribution`.

    What the layer of this name does in `tfp.layers`, without the pickle: the function is saved by
    the name under which it is registered with Keras, so a lambda is refused. A subclass of
    `DistributionLayer` with its own `make_distribution` does the same job and can take arguments.

    Args:
        make_distribution_fn: a function under `@keras.saving.register_keras_serializable`. It
            takes params of shape (batch..., *params_shape), float32 or float64, and returns a
            distribution of batch shape (batch...).
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: unused here; the function says what TFP checks.
        params_shape: int or tuple of ints, the shape of one example's parameters. By default all
            axes but the first of the first params that the layer sees.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If the function is not registered, if it depends on trainable variables, or if
            its distribution does not fit the params.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... def gamma(params):
        ...     concentration, rate = tf.unstack(tf.math.softplus(params), axis=-1)
        ...     return tfd.Gamma(concentration, rate)
        >>> layer = kvae.layers.DistributionLambda(gamma, params_shape=2)
        >>> layer.event_shape
        ()
        >>> layer.distribution(tf.zeros((3, 2))).mean().numpy()
        array([1., 1., 1.], dtype=float32)

    References:
        `tfp.layers.DistributionLambda` (tensorflow/probability).
    """

    def __init__(
        self,
        make_distribution_fn: Callable[[Any], Any],
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        params_shape: Any = None,
        **kwargs: Any,
    ):
        super().__init__((), convert_to_tensor_fn, validate_args, **kwargs)
        self.make_distribution_fn = registered.function(
            "make_distribution_fn", make_distribution_fn
        )
        self._params_shape: tuple[int, ...] | None = None
        if params_shape is not None:
            self._learn_shapes(checks.event_shape(params_shape, "params_shape"))

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        if self._params_shape is None:
            raise ValueError(
                f"Expected {type(self).__name__} '{self.name}' to know the shape of its "
                "parameters: give it params_shape, or call it on parameters first. Received: "
                "params_shape=None"
            )
        return self._params_shape

    def _learn_shapes(self, params_shape: tuple[int, ...]) -> None:
        """Take `params_shape` and find the event shape that the function makes of it."""
        distribution = check_without_variables(
            self.make_distribution_fn, tf.ones((1, *params_shape))
        )
        batch, event = distribution.batch_shape, distribution.event_shape
        if tuple(batch) != (1,) or not event.is_fully_defined():
            raise ValueError(
                "Expected make_distribution_fn to return one distribution for each example: batch "
                f"shape (1,) for params of shape {(1, *params_shape)}. Received: batch shape "
                f"{tuple(batch)}, event shape {event}. tfd.Independent turns batch axes into event "
                "axes; with further batch axes in the params, give params_shape."
            )
        self._params_shape, self.event_shape = params_shape, tuple(event)

    def distribution(self, params: Any) -> Any:
        """Return the distribution of `params`; see `DistributionLayer.distribution`."""
        params = tf.convert_to_tensor(params)
        if self._params_shape is None:
            self._learn_shapes(checks.event_shape(params.shape[1:], "params_shape"))
        return super().distribution(params)

    def make_distribution(self, params: Any) -> Any:
        """Return what the function makes of `params`."""
        # A flat tensor is taken too, as in all distribution layers.
        axes = trailing_axes(self, params.shape)
        batch = keras.ops.shape(params)[: len(params.shape) - axes]
        return self.make_distribution_fn(tf.reshape(params, (*batch, *self.params_shape)))

    def build(self, input_shape: Any) -> None:
        """Learn the shape of the parameters if it was not given."""
        if self._params_shape is None:
            self._learn_shapes(checks.event_shape(tuple(input_shape)[1:], "params_shape"))
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        del config["event_shape"]
        function = keras.saving.serialize_keras_object(self.make_distribution_fn)
        return {**config, "make_distribution_fn": function, "params_shape": self._params_shape}
