"""The base of all distribution layers: a tensor of parameters becomes a distribution.

Keras 3 lets only tensors flow between layers, so a network emits a tensor of *parameters* and the
distribution lives inside the layer: `distribution(params)` gives the `tfd.Distribution`, and the
layer itself returns a tensor drawn from it.

Parameters come in blocks along the last axis: an event of shape (H, W, C) with k parameters an
element reads `params` of shape (..., H, W, k * C), so that a convolution can emit them. The flat
packing of `tfp.layers`, (..., k * H * W * C), is accepted as well; for flat events both are the
same.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kvae import checks, regularizers
from kvae.layers import tfp_names
from kvae.layers.support import Support
from kvae.seeds import next_seed

__all__ = ["DistributionLayer"]


@keras.saving.register_keras_serializable(package="kvae")
class DistributionLayer(keras.layers.Layer):
    """A layer that turns a tensor of parameters into a distribution and returns a draw from it.

    Called on `params` of shape (batch..., *params_shape) it returns a tensor of shape
    (batch..., *event_shape): in training always a sample, otherwise what `convert_to_tensor_fn`
    names. The distribution itself is computed in float32 at least, whatever the dtype policy.

    A subclass defines `params_per_element` (or `params_shape`) and `make_distribution`.

    Args:
        event_shape: int or tuple of ints, the shape of one draw (without batch axes).
        convert_to_tensor_fn: what the layer returns outside training: "sample", "mean", "mode" or
            another name of the class's `conversions`. A method of `tfd.Distribution`, such as
            `tfd.Distribution.mean` or `tfd.Bernoulli.logits`, is taken by its name.
        validate_args: whether TFP checks parameters and values at run time.
        activity_regularizer: a `kvae.regularizers.Regularizer` (or a list of them), given the
            distribution and its draw; its penalty, a batch mean in nats, joins the model's
            losses. A plain Keras regularizer is applied to the layer's output as Keras does it.
        seed: int, makes the draws reproducible.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class Gumbel(kvae.layers.DistributionLayer):
        ...     def make_distribution(self, params):
        ...         (loc,) = self.blocks(params)
        ...         return tfd.Independent(tfd.Gumbel(loc, 1.0), len(self.event_shape))
        >>> layer = Gumbel((4, 4, 3), convert_to_tensor_fn="mode")
        >>> layer(tf.zeros((1, 4, 4, 3))).shape
        TensorShape([1, 4, 4, 3])
    """

    params_per_element: int = 1
    conversions: tuple[str, ...] = ("sample", "mean", "mode", "stddev", "variance")
    support = Support()
    params_size = tfp_names.ParamsSize()

    def __init__(
        self,
        event_shape: Any = (),
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        activity_regularizer: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        regularizer = regularizers.get(activity_regularizer)
        own = isinstance(regularizer, regularizers.Regularizer)
        super().__init__(
            activity_regularizer=None if own else regularizer, autocast=False, **kwargs
        )
        self.event_shape = checks.event_shape(event_shape)
        self.convert_to_tensor_fn = tfp_names.conversion_name(
            convert_to_tensor_fn, self.conversions
        )
        self.validate_args = bool(validate_args)
        self.regularizer = regularizer if own else None
        self.regularizer_layers = list(regularizer.layers) if own else []
        self.seed = seed
        # A traced function must not create variables. A layer made there, by `X.new(params)` for
        # instance, gives distributions only.
        self.seed_generator = None if tf.inside_function() else keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @classmethod
    def new(cls, params: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the distribution of `params` without keeping a layer, as `tfp.layers` offers."""
        return tfp_names.new(cls, params, *args, **kwargs)

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        if not self.event_shape:
            return (self.params_per_element,)
        return (*self.event_shape[:-1], self.params_per_element * self.event_shape[-1])

    def _trailing_axes(self, shape: Any) -> int:
        """How many trailing axes of `shape` hold the parameters of one example."""
        shape, expected = tuple(shape), self.params_shape
        if len(shape) >= len(expected) and shape[len(shape) - len(expected) :] == expected:
            return len(expected)
        if shape and shape[-1] == self.params_size:
            return 1
        raise ValueError(
            f"Expected the parameters of {type(self).__name__} '{self.name}' to have shape "
            f"(batch, {', '.join(map(str, expected))})"
            + (f" or (batch, {self.params_size})" if len(expected) > 1 else "")
            + f". Received: a tensor of shape {shape}. Let the network before it end in "
            "params_shape (or params_size) units."
        )

    def blocks(self, params: Any, count: int | None = None) -> list[Any]:
        """Split `params` into `count` tensors of shape (batch..., *event_shape)."""
        count = count or self.params_per_element
        axes = self._trailing_axes(params.shape)
        parts = tf.split(params, count, axis=-1) if count > 1 else [params]
        shape: Any = ops.shape(params)
        batch = shape[: len(shape) - axes]
        if (axes == 1 and len(self.event_shape) == 1) or (axes > 1):
            return parts
        return [tf.reshape(part, (*batch, *self.event_shape)) for part in parts]

    def distribution(self, params: Any) -> Any:
        """Return the `tfd.Distribution` of `params`.

        Args:
            params: tensor of shape (batch..., *params_shape) or (batch..., params_size).

        Returns:
            A `tfd.Distribution` with batch shape (batch...) and event shape `event_shape`.

        Raises:
            ValueError: If the shape of `params` does not fit.
        """
        return self.make_distribution(self.check_params(params))

    def check_params(self, params: Any) -> Any:
        """Return `params` as a float32 or float64 tensor, or raise if its shape does not fit."""
        params = tf.convert_to_tensor(params)
        self._trailing_axes(params.shape)
        return params if params.dtype == tf.float64 else tf.cast(params, tf.float32)

    def log_prob(self, params: Any, x: Any, observed: Any = None, training: bool = False) -> Any:
        """Return log p(x), summed over the observed elements of the event, in nats.

        Args:
            params: tensor of shape (batch..., *params_shape).
            x: data of shape (batch..., *event_shape). Elements that are not observed may hold any
                value, NaN included.
            observed: boolean mask of the shape of `x`, True where an element counts; None if all
                do. Masked elements are marginalized, which needs independent elements.
            training: whether the model is training; only a likelihood that estimates something
                from the batch asks for it.

        Returns:
            A tensor of shape (batch...).

        Raises:
            ValueError: If `observed` has another shape, or is given although the elements of the
                event are not independent.

        Example:
            >>> layer = kvae.layers.IndependentNormal(2)
            >>> x = np.array([[0.0, np.nan]])
            >>> layer.log_prob(tf.zeros((1, 4)), x, observed=[[True, False]]).shape
            TensorShape([1])
        """
        distribution = self.distribution(params)
        x = tf.cast(x, distribution.dtype)
        if observed is None:
            return distribution.log_prob(x)
        observed = self.check_observed(observed)
        elements = self._elements(distribution)
        # Filled before, so that no NaN of the data enters a gradient; removed after.
        filled = tf.where(observed, x, self.fill_value(elements))
        log_prob = tf.where(observed, elements.log_prob(filled), tf.zeros((), x.dtype))
        return tf.reduce_sum(log_prob, axis=list(range(-len(self.event_shape), 0)))

    def check_observed(self, observed: Any) -> Any:
        """Return the mask `observed` as a boolean tensor, or raise if its shape does not fit."""
        observed = tf.cast(observed, tf.bool)
        axes = len(self.event_shape)
        if tuple(observed.shape[len(observed.shape) - axes :]) != self.event_shape:
            raise ValueError(
                f"Expected observed to have the shape of the data, (batch, "
                f"{', '.join(map(str, self.event_shape))}). Received: a tensor of shape "
                f"{tuple(observed.shape)}"
            )
        return observed

    def _elements(self, distribution: Any) -> Any:
        """Return the distribution of the independent elements, batch shape (batch..., *event)."""
        elements = distribution
        # Not isinstance: of some distributions tfd.Independent makes an object of another class.
        if hasattr(distribution, "reinterpreted_batch_ndims"):
            elements = distribution.distribution
        elif self.event_shape:
            elements = None
        if elements is None or elements.event_shape.rank != 0:
            raise ValueError(
                "Expected a likelihood of independent elements with observed, so that missing ones "
                f"can be left out. Received: {type(self).__name__} '{self.name}', whose elements "
                "depend on each other"
            )
        return elements

    def fill_value(self, elements: Any) -> Any:
        """Return a value within the support that stands in for elements that are not observed.

        Args:
            elements: distribution of the elements, batch shape (batch..., *event_shape).
        """
        low, high = self.support.low, self.support.high
        if math.isfinite(low) and math.isfinite(high) and not self.support.integer:
            return tf.constant(0.5 * (low + high), elements.dtype)
        return tf.constant(low if math.isfinite(low) else 0.0, elements.dtype)

    def make_distribution(self, params: Any) -> Any:
        """Return the distribution of checked float32 or float64 `params`; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} must define make_distribution")

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "sample":
            return distribution.sample(seed=next_seed(self.seed_generator))
        return getattr(distribution, name)()

    def mean(self, params: Any) -> Any:
        """Return the mean, shape (batch..., *event_shape)."""
        return self.convert(self.distribution(params), "mean")

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return the parameters by the names that exported files give them.

        Args:
            params: tensor of shape (batch..., *params_shape).

        Returns:
            Tensors (batch..., ...) by name; the packed `params` itself where a class names none.
        """
        return {"params": params}

    def build(self, input_shape: Any) -> None:
        """Check the shape of the parameters and build what the regularizer owns."""
        self._trailing_axes(input_shape)
        for layer in self.regularizer_layers:
            if not layer.built:
                layer.build(None)
        counts = self.regularizer is not None and self.regularizer.needs_step
        if counts and not self.built:
            self.training_step = self.add_weight(
                shape=(),
                dtype="int64",
                trainable=False,
                # Every replica counts its own, which is the same. To agree on it here would let
                # the losses that Keras holds for a layer get from one replica into the next.
                aggregation="none",
                name="training_step",
            )
        super().build(input_shape)

    def call(
        self,
        params: Any,
        training: bool | None = None,
        mask: Any = None,
        sample_weight: Any = None,
        distribution: Any = None,
    ) -> Any:
        """Return a draw of shape (batch..., *event_shape); add the regularizer's penalty.

        Args:
            params: tensor of shape (batch..., *params_shape).
            training: whether the model is training.
            mask: Keras mask of shape (batch...), True where an example counts.
            sample_weight: weight of each example's penalty, shape (batch...).
            distribution: what `distribution(params)` returned, where the caller has it already.
        """
        if distribution is None:
            distribution = self.distribution(params)
        value = self.convert(distribution, "sample" if training else self.convert_to_tensor_fn)
        if self.regularizer is not None:
            step = self.step()
            if training and step is not None:
                self.training_step.assign_add(1)
            weight = example_weight(mask, sample_weight)
            self.add_loss(self.regularizer(distribution, value, sample_weight=weight, step=step))
        return ops.cast(value, self.compute_dtype)

    def step(self) -> Any:
        """Return the number of training calls so far; None where no regularizer asks for it."""
        if self.regularizer is None or not self.regularizer.needs_step:
            return None
        return tf.identity(self.training_step.value)

    def steps_left(self) -> int:
        """Return how many training steps from now the regularizer's schedules reach their end."""
        step = self.step()
        if self.regularizer is None or step is None:
            return 0
        return self.regularizer.steps_left(step)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch..., *event_shape)."""
        shape = tuple(input_shape)
        return (*shape[: len(shape) - self._trailing_axes(shape)], *self.event_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        config.update(
            event_shape=self.event_shape,
            convert_to_tensor_fn=self.convert_to_tensor_fn,
            validate_args=self.validate_args,
            seed=self.seed,
        )
        config["activity_regularizer"] = keras.saving.serialize_keras_object(
            self.regularizer if self.regularizer is not None else self.activity_regularizer
        )
        return config


def example_weight(mask: Any, sample_weight: Any) -> Any:
    """Join a Keras mask and weights so that a plain batch mean averages over unmasked examples."""
    if mask is None:
        return sample_weight
    mask = tf.cast(mask, tf.float32)
    mask = mask * tf.cast(tf.size(mask), tf.float32) / tf.maximum(tf.reduce_sum(mask), 1.0)
    return mask if sample_weight is None else mask * tf.cast(sample_weight, tf.float32)
