"""The base of all distribution layers: a tensor of parameters becomes a distribution.

Keras 3 lets only tensors flow between layers, so a network emits a tensor of *parameters* and the
distribution lives inside the layer: `distribution(params)` gives the `tfd.Distribution`, and the
layer itself returns a tensor drawn from it.

Parameters come in blocks along the last axis: an event of shape (H, W, C) with k parameters an
element reads `params` of shape (..., H, W, k * C), so that a convolution can emit them. The flat
packing of `tfp.layers`, (..., k * H * W * C), is accepted as well; for flat events both are the
same.
"""

import functools
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kvae import checks, regularizers
from kvae.contract import Batch, Domain, Latent
from kvae.contract.term import total
from kvae.layers import packing, tfp_names
from kvae.layers.event_mean import event_mean
from kvae.layers.functional import OnePass, add_training_step, batch_of
from kvae.layers.observed import (
    elements_of,
    independent_elements,
    observed_log_prob,
    value_for,
    value_in_support,
)
from kvae.layers.trainability import check_reparameterized
from kvae.noise import standard_normal
from kvae.seeds import next_seed

__all__ = ["DistributionLayer", "pixel_domain", "weighted_sum"]


def pixel_domain() -> Domain:
    """Return the domain of data that are levels divided by the highest level."""
    return Domain(0.0, 1.0, hint="Divide 8-bit pixels by 255.")


def weighted_sum(values: Any, weights: Any) -> Any:
    """Return the sum over K of values (K, batch..., ...) times weights (K, batch...)."""
    further = [1] * (len(values.shape) - len(weights.shape))
    weights = tf.reshape(weights, tf.concat([tf.shape(weights), further], axis=0))
    return tf.reduce_sum(tf.cast(weights, values.dtype) * values, axis=0)


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
        activity_regularizer: a `kvae.regularizers.Regularizer` (or a list of them) of this
            posterior. In a `kvae.VAE` its terms join the loss; in another Keras model the layer
            adds them to the model's losses, as means over the examples that a Keras mask does not
            leave out. A plain Keras regularizer is applied to the layer's output as Keras does it.
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
    # Whether `draw` gives the same numbers with and without XLA, up to rounding.
    same_draws_with_xla = False
    xla_pays = True  # see `kvae.training.execution`
    domain = Domain()
    # Whether log_prob is the logarithm of a density, not of the probability of a level or a class.
    density = True
    # What stands for x in reconstructions, one of `kvae.outputs.CENTERS`.
    center_name = "mean"
    reads_logits = False  # whether the parameters are logits, any real numbers
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
        self.regularizer: Any = regularizer if own else None
        self.regularizer_layers = list(regularizer.layers) if own else []
        self._pass = OnePass()
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

    def blocks(self, params: Any, count: int | None = None) -> list[Any]:
        """Split `params` into `count` tensors of shape (batch..., *event_shape)."""
        return packing.blocks(self, params, count or self.params_per_element)

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
        packing.trailing_axes(self, params.shape)
        return params if params.dtype == tf.float64 else tf.cast(params, tf.float32)

    def log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p(x), summed over the observed elements of the event, in nats.

        Args:
            params: tensor of shape (batch..., *params_shape).
            x: data of shape (batch..., *event_shape). Elements that are not observed may hold any
                value, NaN included.
            observed: boolean mask of the shape of `x`, True where an element counts; None if all
                do. Masked elements are marginalized, which needs independent elements.

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
        if observed is None:
            distribution = self.distribution(params)
            return distribution.log_prob(value_for(distribution, x, params))
        log_prob = self.element_log_prob(params, x, observed)
        return tf.reduce_sum(log_prob, axis=list(range(-len(self.event_shape), 0)))

    def training_log_prob(
        self, params: Any, x: Any, observed: Any = None, batch: Batch | None = None
    ) -> Any:
        """Return `log_prob` in a training step.

        A layer that learns something from the data of each batch, such as an optimal scale, does
        it here and says so by `learns_from_batches`.

        Args:
            params: as for `log_prob`.
            x: as for `log_prob`.
            observed: as for `log_prob`.
            batch: the examples' weights, and how sums over them become those of the global batch;
                None if all weigh the same on the only replica.
        """
        return self.log_prob(params, x, observed)

    @property
    def learns_from_batches(self) -> bool:
        """Whether `training_log_prob` estimates something from the data of the batch."""
        return False

    def element_log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p of each element in nats, (batch..., *event_shape); 0 if not observed.

        Args:
            params: as for `log_prob`.
            x: as for `log_prob`.
            observed: as for `log_prob`.

        Raises:
            ValueError: If the elements of the event are not independent.
        """
        distribution = self.distribution(params)
        x = value_for(distribution, x, params)
        if observed is None:
            return independent_elements(self, distribution).log_prob(x)
        return observed_log_prob(self, distribution, x, observed)

    def log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return log |f'(x)| of the transform f in front of a density, (batch...) or 0 for none.

        Args:
            x: as for `log_prob`.
            observed: as for `log_prob`.
        """
        return 0.0

    def has_mass(self, x: Any) -> Any:
        """Return whether log p of each element is that of a probability, booleans of `x`'s shape.

        False for a density, and where a Bernoulli gives the cross-entropy of a grey value.

        Args:
            x: as for `log_prob`.
        """
        return tf.fill(tf.shape(x), not self.density)

    def mean_log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p(x) divided by the number of elements of the event, in nats, (batch...).

        Where the elements are independent it is a mean that half precision can hold, see
        `kvae.layers.event_mean`: the sum over a picture exceeds its 65,504.

        Args:
            params: as for `log_prob`.
            x: as for `log_prob`.
            observed: as for `log_prob`; elements that are not observed count as zero.

        Example:
            >>> layer = kvae.layers.IndependentBernoulli((128, 128, 3))
            >>> params, x = tf.zeros((1, 128, 128, 3)), tf.ones((1, 128, 128, 3))
            >>> layer.mean_log_prob(params, x).numpy().round(4)  # -log 2
            array([-0.6931], dtype=float32)
        """
        if self.has_independent_elements(params):
            return event_mean(self.element_log_prob(params, x, observed), len(self.event_shape))
        return self.log_prob(params, x, observed) / math.prod(self.event_shape)

    def has_independent_elements(self, params: Any) -> bool:
        """Return whether the elements of an event are independent, so that log p is their sum."""
        return elements_of(self, self.distribution(params)) is not None

    def fill_value(self, elements: Any) -> Any:
        """Return a value within the support that stands in for elements that are not observed.

        Args:
            elements: distribution of the elements, batch shape (batch..., *event_shape).
        """
        bounded = math.isfinite(self.domain.low) and math.isfinite(self.domain.high)
        if not bounded and not self.domain.integer:
            # The domain may hold more than the support, as zero with a Gamma distribution.
            value = value_in_support(elements)
            if value is not None:
                return value
        value = np.asarray(self.domain.valid_value())
        return tf.constant(value.astype(tf.as_dtype(elements.dtype).as_numpy_dtype))

    def neutral_value(self) -> Any:
        """Return a valid value of raw data that stands in where none is known.

        A scalar, or a tensor that broadcasts with an event: what a transform maps to zero, else a
        value of the domain.
        """
        return self.domain.valid_value()

    def make_distribution(self, params: Any) -> Any:
        """Return the distribution of checked float32 or float64 `params`; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} must define make_distribution")

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return draws that carry a gradient to the parameters where the distribution allows it.

        Draws of Gaussians are the same with and without XLA, see `same_draws_with_xla`.

        Args:
            distribution: what `distribution(params)` returned, batch shape (batch...).
            seed: two integers.
            draws: int K, number of draws; None for one without an axis of its own.

        Returns:
            Shape (batch..., *event_shape), or (K, batch..., *event_shape).
        """
        shape = () if draws is None else (draws,)
        return distribution.sample(shape, seed=seed)

    def point(self, distribution: Any) -> Any:
        """Return the point that stands for a posterior, shape (batch..., *event_shape): its mean.

        Args:
            distribution: what `distribution(params)` returned.
        """
        return distribution.mean()

    def drawn_or_point(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return what `draw` does, ([draws,] batch..., *event_shape); without `seed` the point.

        Args:
            distribution: what `distribution(params)` returned.
            seed: two int32; None for the point, once for each of the draws.
            draws: number of draws; None for one without an axis of its own.
        """
        if seed is not None:
            return self.draw(distribution, seed, draws)
        point = self.point(distribution)
        return point if draws is None else tf.repeat(point[None], draws, axis=0)

    def from_normal(self, distribution: Any, normal: Any) -> Any:
        """Return draws made of given standard normals, of their shape; for Gaussians and flows.

        Args:
            distribution: what `distribution(params)` returned, batch shape (batch...).
            normal: shape (..., batch..., *event_shape).
        """
        raise NotImplementedError(f"{type(self).__name__} does not draw from standard normals")

    def noise(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return standard normals in the shape of draws; for subclasses that draw from them.

        Args:
            distribution: as for `draw`, also for the next two.
            seed: two integers.
            draws: int K or None.
        """
        first = () if draws is None else (draws,)
        batch: Any = distribution.batch_shape
        if not batch.is_fully_defined():
            batch = tf.unstack(distribution.batch_shape_tensor())
        return standard_normal((*first, *batch, *self.event_shape), seed)

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name == "sample":
            return self.draw(distribution, next_seed(self.seed_generator))
        return getattr(distribution, name)()

    def mean(self, params: Any) -> Any:
        """Return the mean, shape (batch..., *event_shape)."""
        return self.convert(self.distribution(params), "mean")

    def center(self, params: Any) -> Any:
        """Return what stands for x, (batch..., *event_shape): the mean where it is known."""
        return self.convert(self.distribution(params), self.center_name)

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return what stands for x under a weighted mixture of K distributions, for imputation.

        The mean of the mixture. Of classes it is the class with the highest weighted probability;
        where a transform leaves no mean it is the mean of the transformed data, mapped back.

        Args:
            params: shape (K, batch..., *params_shape).
            weights: shape (K, batch...), which sum to one over K.

        Returns:
            Shape (batch..., *event_shape).
        """
        return weighted_sum(self.center(params), weights)

    def features(self, x: Any) -> Any:
        """Return what an encoder shall see of data `x`, of the same shape: `x`, or its transform.

        Args:
            x: raw data, (batch, *event_shape).
        """
        return x

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the transforms between raw data and the distribution.

        Each comes with the index of the elements it applies to, along the last axis of the event.
        """
        return []

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return the parameters by the names that exported files give them.

        Args:
            params: tensor of shape (batch..., *params_shape).

        Returns:
            Tensors (batch..., ...) by name; the packed `params` itself where a class names none.
        """
        return {"params": params}

    def at_floor(self, params: Any) -> dict[str, Any]:
        """Return which scales are at the lower bound that the layer puts on them.

        Args:
            params: tensor of shape (batch..., *params_shape).

        Returns:
            Booleans (batch..., ...) by the name of the parameter; none where nothing is bounded.
        """
        return {}

    def build(self, input_shape: Any) -> None:
        """Check the shape of the parameters and build what the regularizer owns."""
        packing.trailing_axes(self, input_shape)
        for layer in self.regularizer_layers:
            if not layer.built:
                layer.build(None)
        if self.counts_steps and not self.built:
            self.training_step = add_training_step(self)
        super().build(input_shape)

    def call(
        self,
        params: Any,
        training: bool | None = None,
        mask: Any = None,
        condition: Any = None,
    ) -> Any:
        """Return a draw of shape (batch..., *event_shape); add the regularizer's terms as a loss.

        Args:
            params: tensor of shape (batch..., *params_shape).
            training: whether the model is training.
            mask: Keras mask of shape (batch...), True where an example counts. Of a mask of the
                steps of an event, (batch..., steps), an example counts if any of its steps does.
            condition: tensor (batch, ...) for the regularizer's prior, where it is conditional.
        """
        # One batch axis, whatever the layer is called on: TensorFlow's softmax takes five axes.
        batch_shape, params, mask = packing.flat_batch(self, params, mask)
        if self.regularizer is None:
            value = self._value(self.distribution(params), training)
        else:
            value = self._penalized(params, training, mask, condition)
        if batch_shape is not None:
            value = tf.reshape(value, tf.concat([batch_shape, self.event_shape], axis=0))
        return ops.cast(value, self.compute_dtype)

    def _value(self, distribution: Any, training: bool | None) -> Any:
        return self.convert(distribution, "sample" if training else self.convert_to_tensor_fn)

    def _penalized(self, params: Any, training: bool | None, mask: Any, condition: Any) -> Any:
        """Return the layer's value and add the regularizer's terms to the model's losses."""
        distribution = self.distribution(params)
        if training:
            check_reparameterized(self, distribution)
        value = self._value(distribution, training)
        batch = batch_of(params, mask, self._pass.step(self, training), training)
        seed = next_seed(self.seed_generator) if self.regularizer.needs_seed else None
        latent = self.latent(distribution, value, condition, seed)
        terms = self.regularizer.terms(latent, batch)
        loss = ops.cast(total(terms, batch), keras.config.floatx())  # as Keras' losses
        self._pass.added(loss, training)
        self.add_loss(loss)
        return value

    def latent(
        self,
        distribution: Any,
        value: Any,
        condition: Any = None,
        seed: Any = None,
        params: Any = None,
        prior: Any = None,
    ) -> Latent:
        """Return the latent group of a draw: its posterior, prior and penalties.

        Args:
            distribution: what `distribution(params)` returned.
            value: a draw from it, or its point.
            condition: as for `call`.
            seed: two int32 for further draws; None where nothing random is asked for.
            params: what `distribution` was made of, so that it can be made again with its
                parameters held fixed.
            prior: what `prior_at(condition)` returned, where it was called before.
        """
        prior = self.prior_at(condition) if prior is None else prior
        fixed = None
        if params is not None and not self.has_own_weights:
            fixed = functools.partial(self.distribution, tf.stop_gradient(params))
        return Latent(value, distribution, prior, self.regularizer, seed, fixed, draw=self.draw)

    def prior_at(self, condition: Any = None) -> Any:
        """Return the `tfd.Distribution` of the prior; None without one.

        A prior may call the encoder, as a `VampPrior` does, and Keras keeps the losses of a
        network's last call: a model whose encoder's losses count asks for the prior first.

        Args:
            condition: as for `call`.
        """
        kl = self.prior_part
        return None if kl is None else kl.prior.distribution(condition)

    @property
    def prior_part(self) -> Any | None:
        """The part of the regularizer that names the prior: the first KL, or None."""
        return self.regularizer.kl_part if self.regularizer is not None else None

    @property
    def has_own_weights(self) -> bool:
        """Whether the layer trains weights besides those of its regularizer, such as a flow's."""
        regularizer = self.regularizer
        others = [w for layer in (regularizer.layers if regularizer else ()) for w in layer.weights]
        return any(all(w is not other for other in others) for w in self.trainable_weights)

    @property
    def counts_steps(self) -> bool:
        """Whether the layer counts training steps, which schedules and some penalties need."""
        return self.regularizer is not None and self.regularizer.needs_step

    def step(self) -> Any:
        """Return the number of training steps so far; 0 where no regularizer asks for it."""
        return tf.identity(self.training_step.value) if self.counts_steps else 0

    def advance_step(self) -> None:
        """Count one training step."""
        if self.counts_steps:
            self.training_step.assign_add(1)

    def steps_left(self) -> int:
        """Return how many training steps from now the regularizer's schedules reach their end."""
        return self.regularizer.steps_left(self.step()) if self.counts_steps else 0

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch..., *event_shape)."""
        shape = tuple(input_shape)
        return (*shape[: len(shape) - packing.trailing_axes(self, shape)], *self.event_shape)

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
