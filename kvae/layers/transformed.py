"""A distribution layer of raw data: a transform, and the distribution of what it makes of them."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from kvae.contract import Batch
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.loc_scale_layer import LocScaleLayer
from kvae.layers.normal_likelihood import NormalLikelihood
from kvae.layers.observed import check_observed
from kvae.transforms import Transform
from kvae.transforms.transform import as_float

__all__ = ["Transformed"]

# Their mean is their median, which every increasing or decreasing map keeps.
SYMMETRIC = (LocScaleLayer, NormalLikelihood)


@keras.saving.register_keras_serializable(package="kvae")
class Transformed(DistributionLayer):
    """The distribution of raw data x whose transform f(x) has the distribution of `layer`.

        log p(x) = log p_layer(f(x)) + sum_i log |f'(x_i)|

    The second term belongs to densities. Where `layer` gives probabilities of levels, as
    `DiscretizedLogistic` does, or a cross-entropy, as `IndependentBernoulli` does, it is zero.

    Data, means, draws and nats are those of the raw data. A `kvae.VAE` with such a likelihood shows
    f(x) to its encoder. Where f is not affine the mean of x has no closed form; the layer then
    offers the median, f^-1(median of `layer`).

    For a table, transform the columns of `kvae.layers.Columns` one by one.

    Args:
        layer: the distribution layer of f(x).
        transform: a `kvae.transforms.Transform`.
        convert_to_tensor_fn: see `DistributionLayer`; "median" in place of "mean" where the
            transform is not affine.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `layer` is no distribution layer of numbers, if its domain is not that of
            f(x), or if it has no median where one is needed.

    Example:
        >>> kelvin = kvae.transforms.Standardization(mean=300.0, stddev=10.0)
        >>> layer = kvae.layers.Transformed(kvae.layers.IndependentNormal(1), kelvin)
        >>> params = tf.constant([[0.5, 1.0]])
        >>> layer.mean(params).numpy()
        array([[305.]], dtype=float32)
        >>> print(f"{layer.distribution(params).stddev()[0, 0]:.3f}")  # 10 softplus(1)
        13.133
    """

    def __init__(
        self,
        layer: DistributionLayer,
        transform: Transform,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        layer, transform = (
            keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part
            for part in (layer, transform)
        )
        if not isinstance(layer, DistributionLayer) or layer.domain.columns:
            raise ValueError(
                "Expected layer to be a kvae distribution layer whose elements are of one kind. "
                f"Received: {layer!r}. Transform the columns of kvae.layers.Columns one by one."
            )
        if not isinstance(transform, Transform):
            raise ValueError(
                "Expected transform to be a kvae.transforms.Transform. Received: "
                f"transform={transform!r}"
            )
        if transform.is_affine:
            moments = ("sample", "mean", "mode", "stddev", "variance")
            self.conversions = tuple(name for name in moments if name in layer.conversions)
        elif isinstance(layer, SYMMETRIC):
            self.conversions, self.center_name = ("sample", "median"), "median"
        else:
            raise ValueError(
                f"Expected a likelihood with a median in closed form, such as "
                f"kvae.layers.IndependentNormal, after {type(transform).__name__}, which is not "
                f"affine. Received: {type(layer).__name__}"
            )
        super().__init__(layer.event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.layer = layer
        self.transform = transform
        self.domain = transform.domain(layer.domain)
        self.density = layer.density
        self.reads_logits = layer.reads_logits
        self.same_draws_with_xla = layer.same_draws_with_xla
        self.xla_pays = layer.xla_pays

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return self.layer.params_shape

    def build(self, input_shape: Any) -> None:
        """Build the layer and the transform."""
        if not self.layer.built:
            self.layer.build(input_shape)
        if not self.transform.built:
            self.transform.build((None, *self.event_shape))
        super().build(input_shape)

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the transform and where it applies, see `DistributionLayer.transforms`."""
        return [(slice(None), self.transform)]

    def features(self, x: Any) -> Any:
        """Return f(x), see `DistributionLayer.features`."""
        return self.transform.forward(as_float(x))

    def neutral_value(self) -> Any:
        """Return f^-1(0) of each element, or f^-1 of a value of the inner domain without zero."""
        inner = tf.cast(self.layer.domain.valid_value(), tf.float32)
        return self.transform.inverse(inner + tf.zeros((1, *self.event_shape)))[0]

    def make_distribution(self, params: Any) -> Any:
        """Return the distribution of x."""
        if not self.built:
            self.build(params.shape)
        return _Transformed(self.layer.make_distribution(params), self)

    def log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p(x) in nats, shape (batch...); see `DistributionLayer.log_prob`."""
        params, x, observed = self._inside(params, x, observed)
        log_prob = self.layer.log_prob(params, self.transform.forward(x), observed)
        return log_prob + self.log_derivative(x, observed)

    def training_log_prob(
        self, params: Any, x: Any, observed: Any = None, batch: Batch | None = None
    ) -> Any:
        """Return log p(x) by the layer's `training_log_prob`, see `DistributionLayer`."""
        params, x, observed = self._inside(params, x, observed)
        inside = self.transform.forward(x)
        log_prob = self.layer.training_log_prob(params, inside, observed, batch)
        return log_prob + self.log_derivative(x, observed)

    @property
    def learns_from_batches(self) -> bool:
        """Whether the layer does, see `DistributionLayer`."""
        return self.layer.learns_from_batches

    def element_log_prob(self, params: Any, x: Any, observed: Any = None) -> Any:
        """Return log p of each element, see `DistributionLayer.element_log_prob`."""
        params, x, observed = self._inside(params, x, observed)
        log_prob = self.layer.element_log_prob(params, self.transform.forward(x), observed)
        return log_prob + self.element_log_derivative(x, observed)

    def has_independent_elements(self, params: Any) -> bool:
        """Return whether those of `layer` are, as the transform acts on each by itself."""
        return self.layer.has_independent_elements(params)

    def has_mass(self, x: Any) -> Any:
        """Return what the layer says of f(x), see `DistributionLayer.has_mass`."""
        return self.layer.has_mass(self.features(x))

    def log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return the sum over the event of log |f'|, (batch...); zero unless p is a density."""
        axes = list(range(-len(self.event_shape), 0))
        return tf.reduce_sum(self.element_log_derivative(x, observed), axis=axes)

    def element_log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return log |f'| of each element, (batch..., *event_shape); zero unless p is a density."""
        if not self.density:
            return tf.zeros_like(x)
        elements = tf.zeros_like(x) + self.transform.log_derivative(x)
        if observed is not None:
            elements = tf.where(observed, elements, tf.zeros_like(elements))
        return elements

    def _checked(self, params: Any) -> Any:
        """Return checked params; build first, as a transform takes its shape from the event."""
        params = self.check_params(params)
        if not self.built:
            self.build(params.shape)
        return params

    def _inside(self, params: Any, x: Any, observed: Any) -> tuple[Any, Any, Any]:
        """Return checked params, x with valid values where it is not observed, and the mask."""
        params = self._checked(params)
        x = tf.cast(x, params.dtype)
        if observed is not None:
            observed = check_observed(observed, self.event_shape)
            x = tf.where(observed, x, self.transform.inverse(tf.zeros_like(x)))
        return params, x, observed

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return draws of x, see `DistributionLayer.draw`."""
        return self.data_of(self.layer.draw(distribution.inner, seed, draws))

    def data_of(self, drawn: Any) -> Any:
        """Return f^-1 of draws: where x are whole numbers and p their mass, whole numbers."""
        x = self.transform.inverse(drawn)
        # 23 / 255 * 255 is 23.000002 in float32: no whole number, and refused as data.
        return tf.round(x) if self.domain.integer and not self.density else x

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return f^-1 of the inner layer's, see `DistributionLayer.weighted_center`."""
        params = self._checked(params)
        return self.transform.inverse(self.layer.weighted_center(params, weights))

    def median(self, params: Any) -> Any:
        """Return the median, shape (batch..., *event_shape), where the transform is not affine."""
        return self.convert(self.distribution(params), "median")

    def at_floor(self, params: Any) -> dict[str, Any]:
        """Return those of the layer inside, see `DistributionLayer.at_floor`."""
        return self.layer.at_floor(self.check_params(params))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return the parameters of `layer` by name.

        `loc` and `scale`, of components as well, are in the unit of x where the transform is
        affine. Otherwise the names begin with "transformed_": they describe f(x).
        """
        params = self._checked(params)
        named = self.layer.named_parameters(params)
        if not self.transform.is_affine:
            return {f"transformed_{name}": value for name, value in named.items()}
        for name, value in named.items():
            if name in ("loc", "component_loc"):
                named[name] = self.transform.inverse(value)
            elif name in ("scale", "component_scale"):
                named[name] = value * tf.exp(-self.transform.log_derivative(value))
        return named

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        del config["event_shape"]
        return {
            **config,
            "layer": keras.saving.serialize_keras_object(self.layer),
            "transform": keras.saving.serialize_keras_object(self.transform),
        }


class _Transformed(tfp.distributions.Distribution):
    """The distribution of x where f(x) has the distribution `inner`.

    Args:
        inner: `tfd.Distribution` of f(x).
        layer: the `Transformed` layer.
    """

    def __init__(self, inner: Any, layer: Transformed):
        self.inner, self.layer = inner, layer
        super().__init__(
            dtype=inner.dtype,
            reparameterization_type=inner.reparameterization_type,
            validate_args=layer.validate_args,
            allow_nan_stats=True,
            parameters={"inner": inner},
            name="Transformed",
        )

    def _batch_shape(self) -> Any:
        return self.inner.batch_shape

    def _batch_shape_tensor(self) -> Any:
        return self.inner.batch_shape_tensor()

    def _event_shape(self) -> Any:
        return self.inner.event_shape

    def _event_shape_tensor(self) -> Any:
        return self.inner.event_shape_tensor()

    def _log_prob(self, value: Any) -> Any:
        log_prob = self.inner.log_prob(self.layer.transform.forward(value))
        return log_prob + self.layer.log_derivative(value)

    def _sample_n(self, n: int, seed: Any = None) -> Any:
        return self.layer.data_of(self.inner.sample(n, seed=seed))

    def median(self) -> Any:
        """Return f^-1(median of `inner`)."""
        return self.layer.transform.inverse(self.inner.mean())

    def _mean(self) -> Any:
        return self._affine(self.inner.mean)

    def _mode(self) -> Any:
        return self._affine(self.inner.mode)

    def _stddev(self) -> Any:
        return self._spread(self.inner.stddev())

    def _variance(self) -> Any:
        return tf.square(self._stddev())

    def _affine(self, moment: Any) -> Any:
        if not self.layer.transform.is_affine:
            raise NotImplementedError("the transform is not affine: ask for the median")
        return self.layer.transform.inverse(moment())

    def _spread(self, stddev: Any) -> Any:
        """Return the standard deviation of x, given that of f(x)."""
        if not self.layer.transform.is_affine:
            raise NotImplementedError("the transform is not affine: ask for the median")
        return stddev * tf.exp(-self.layer.transform.log_derivative(stddev))
