"""Mixtures of distributions of one family: k components, and logits that weigh them.

Params are flat, as in `tfp.layers`: first the k logits, then the k components' parameters one
after the other. A mixture weighs whole events, so there is one set of logits for an event of any
shape, and a convolution cannot emit the params; a mixture for each element is another thing.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.layers.distribution_layer import DistributionLayer
from kvae.layers.logistic import IndependentLogistic
from kvae.layers.normal import IndependentNormal
from kvae.layers.tfp_names import MixtureParamsSize

__all__ = [
    "Mixture",
    "MixtureLogistic",
    "MixtureNormal",
    "MixtureSameFamily",
]


class Mixture(DistributionLayer):
    """What all mixtures share.

    Args:
        num_components: int k.
        component_layer: the distribution layer of one component.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        reparameterize: whether draws carry a gradient to all params (implicit
            reparameterization; the components have to be independent over the event's elements).
            By default where the layer has an `activity_regularizer` and it is possible: a
            posterior needs it, a likelihood does not.
        **kwargs: see `DistributionLayer`.
    """

    # A mixture's mode has no closed form.
    conversions = tuple(name for name in DistributionLayer.conversions if name != "mode")
    distribution_class = tfd.MixtureSameFamily

    def __init__(
        self,
        num_components: int,
        component_layer: DistributionLayer,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        reparameterize: bool | None = None,
        **kwargs: Any,
    ):
        domain = component_layer.domain
        parts = [part for _, part in domain.columns] or [domain]
        self.has_classes = any(part.categories and not part.one_hot for part in parts)
        if self.has_classes:  # the mean of their numbers is no class
            self.conversions, self.center_name = ("sample",), "center"
        else:
            possible = component_layer.conversions
            self.conversions = tuple(
                name
                for name in type(self).conversions
                if name in possible or name not in DistributionLayer.conversions
            )
        super().__init__(component_layer.event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.num_components = checks.positive_int("num_components", num_components)
        self.component_layer = component_layer
        self.reparameterize = reparameterize
        self.domain = domain
        self.density = component_layer.density

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape a network's last layer has to emit for one example."""
        return (self.num_components * (1 + self.component_layer.params_size),)

    def build(self, input_shape: Any) -> None:
        """Build the component layer too: it may own weights."""
        if not self.component_layer.built:
            batch = tuple(input_shape)[:-1]
            size = self.component_layer.params_size
            self.component_layer.build((*batch, self.num_components, size))
        super().build(input_shape)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.MixtureSameFamily`."""
        logits, component_params = self._split(_nan_free_gradient(params))
        components = self.component_layer.distribution(component_params)
        return self.distribution_class(
            tfd.Categorical(logits=logits),
            components,
            reparameterize=self._reparameterizes(components),
        )

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return draws, see `DistributionLayer.draw`."""
        draw = super().draw(distribution, seed, draws)
        if not distribution.parameters["reparameterize"]:
            return draw
        # Where a density overflows TFP's reparameterized draw is NaN; its plain one never is.
        plain = super().draw(distribution.copy(reparameterize=False), seed, draws)
        return tf.where(tf.math.is_finite(draw), draw, tf.stop_gradient(plain))

    def convert(self, distribution: Any, name: str) -> Any:
        """Return the tensor that `name` (one of `conversions`) stands for."""
        if name not in self.conversions:
            raise ValueError(
                f"Expected one of {self.conversions} of a mixture of "
                f"{type(self.component_layer).__name__}. Received: {name!r}"
            )
        return super().convert(distribution, name)

    def center(self, params: Any) -> Any:
        """Return the mean; of classes the most probable one, no mean of their numbers."""
        if not self.has_classes:
            return super().center(params)
        params = self.check_params(params)[tf.newaxis]
        return self.weighted_center(params, tf.ones(tf.shape(params)[:-1]))

    def weighted_center(self, params: Any, weights: Any) -> Any:
        """Return that of all components of all K mixtures, see `DistributionLayer`."""
        if not self.has_classes:
            return super().weighted_center(params, weights)
        logits, component_params = self._split(self.check_params(params))
        weights = tf.cast(weights, logits.dtype)[..., tf.newaxis] * tf.nn.softmax(logits)
        last = len(component_params.shape) - 1
        first = [last - 1, *range(last - 1)]  # the components before the mixtures
        weights = _join_first_axes(tf.transpose(weights, first))
        component_params = _join_first_axes(tf.transpose(component_params, [*first, last]))
        return self.component_layer.weighted_center(component_params, weights)

    def has_mass(self, x: Any) -> Any:
        """Return what the component layer says, see `DistributionLayer.has_mass`."""
        return self.component_layer.has_mass(x)

    def features(self, x: Any) -> Any:
        """Return what the component layer shows, see `DistributionLayer.features`."""
        return self.component_layer.features(x)

    def neutral_value(self) -> Any:
        """Return that of the component layer, see `DistributionLayer.neutral_value`."""
        return self.component_layer.neutral_value()

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return those of the component layer, which all components share."""
        return self.component_layer.transforms()

    def log_derivative(self, x: Any, observed: Any = None) -> Any:
        """Return that of the component layer, see `DistributionLayer.log_derivative`."""
        return self.component_layer.log_derivative(x, observed)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `mixture_logits`, (batch..., k), and the components', (batch..., k, ...)."""
        logits, component_params = self._split(params)
        components = self.component_layer.named_parameters(component_params)
        return {
            "mixture_logits": logits,
            **{f"component_{name}": value for name, value in components.items()},
        }

    def _split(self, params: Any) -> tuple[Any, Any]:
        """Return the logits (batch..., k) and the components' parameters (batch..., k, size)."""
        k, size = self.num_components, self.component_layer.params_size
        batch = ops.shape(params)[:-1]
        return params[..., :k], tf.reshape(params[..., k:], (*batch, k, size))

    def _reparameterizes(self, components: Any) -> bool:
        if self.reparameterize is not None:
            return self.reparameterize
        possible = (
            isinstance(components, tfd.Independent)
            and components.reparameterization_type == tfd.FULLY_REPARAMETERIZED
        )
        return possible and self.regularizer is not None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        return {
            **config,
            "num_components": self.num_components,
            "reparameterize": self.reparameterize,
        }


@keras.saving.register_keras_serializable(package="kvae")
class MixtureSameFamily(Mixture):
    """A mixture of k distributions of one family: params are k logits, then the k components'.

    p(x) = sum_j softmax(l)_j p_j(x). The mean is sum_j softmax(l)_j mean_j.

    Args:
        num_components: int k, the number of components.
        component_layer: the distribution layer of one component, such as
            `kvae.layers.IndependentNormal(event_shape)`.
        convert_to_tensor_fn: "sample", "mean", "stddev" or "variance"; see `DistributionLayer`.
        validate_args: whether TFP checks values at run time; give it to the component layer for
            the components' parameters.
        reparameterize: whether draws carry a gradient to all params (implicit
            reparameterization; the components have to be independent over the event's elements).
            By default where the layer has an `activity_regularizer` and it is possible: a
            posterior needs it, a likelihood does not.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `component_layer` is not a kvae distribution layer, carries an
            `activity_regularizer`, which belongs to the mixture, or has a transform that learns
            from data or is not affine, or an optimal scale.

    Example:
        >>> mixture = kvae.layers.MixtureSameFamily(5, kvae.layers.IndependentNormal(2))
        >>> mixture.params_size
        25
        >>> size = kvae.layers.IndependentNormal.params_size(2)
        >>> kvae.layers.MixtureSameFamily.params_size(5, component_params_size=size)
        25

    References:
        `tfp.layers.MixtureSameFamily` (tensorflow/probability), whose packing it shares.
        Figurnov, Mohamed, Mnih: Implicit Reparameterization Gradients, 2018,
        https://arxiv.org/abs/1805.08498
    """

    params_size = MixtureParamsSize()

    def __init__(
        self,
        num_components: int,
        component_layer: DistributionLayer,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        if isinstance(component_layer, dict):
            component_layer = keras.saving.deserialize_keras_object(component_layer)
        if not isinstance(component_layer, DistributionLayer):
            raise ValueError(
                "Expected component_layer to be a kvae distribution layer, such as "
                "kvae.layers.IndependentNormal(event_shape). Received: "
                f"component_layer={component_layer!r}"
            )
        if component_layer.regularizer is not None:
            raise ValueError(
                "Expected component_layer without activity_regularizer: give it to the mixture. "
                f"Received: component_layer with {component_layer.regularizer!r}"
            )
        transforms = [transform for _, transform in component_layer.transforms()]
        if any(each.learns for each in transforms) or component_layer.learns_from_batches:
            raise ValueError(
                "Expected component_layer to take nothing from the training data by itself: "
                "transform the mixture, kvae.layers.Transformed(mixture, transform), or give its "
                "transform the numbers that it would learn, as Standardization(mean, stddev). An "
                "optimal scale is that of a single normal. Received: "
                f"component_layer={component_layer!r} with a transform that learns or an optimal "
                "scale"
            )
        if not all(each.is_affine for each in transforms):
            raise ValueError(
                "Expected components whose transform is affine: the mean of a mixture is that of "
                f"its components' means. Received: component_layer={component_layer!r}"
            )
        super().__init__(
            num_components, component_layer, convert_to_tensor_fn, validate_args, **kwargs
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        config = super().get_config()
        del config["event_shape"]
        component = keras.saving.serialize_keras_object(self.component_layer)
        return {**config, "component_layer": component}


@keras.saving.register_keras_serializable(package="kvae")
class MixtureNormal(Mixture):
    """A mixture of k independent normals: a mixture density network's last layer.

    Params are k logits, then for each component the blocks [loc, raw scale] of
    `IndependentNormal`.

    Args:
        num_components: int k, the number of components.
        event_shape: int or tuple of ints, the shape of one example.
        convert_to_tensor_fn: see `MixtureSameFamily`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the components' scales in the unit of the data, by default 0.001;
            see `IndependentNormal`.
        **kwargs: see `MixtureSameFamily`.

    Example:
        >>> likelihood = kvae.layers.MixtureNormal(5, 1)
        >>> network = keras.Sequential([
        ...     keras.layers.Dense(12, activation="relu"),
        ...     keras.layers.Dense(likelihood.params_size),
        ... ])
        >>> network.compile("adam", loss=kvae.losses.NegativeLogLikelihood(likelihood))
        >>> x = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> history = network.fit(x, np.abs(x), verbose=0)
        >>> likelihood.distribution(network(x)).stddev().shape
        TensorShape([20, 1])

    References:
        `tfp.layers.MixtureNormal` (tensorflow/probability), whose packing it shares.
        Bishop: Mixture Density Networks, 1994, https://publications.aston.ac.uk/id/eprint/373/
    """

    def __init__(
        self,
        num_components: int,
        event_shape: Any = (),
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        min_scale: float | None = None,
        **kwargs: Any,
    ):
        if min_scale is None and kwargs.get("activity_regularizer") is not None:
            min_scale = 0.0  # of a posterior, as in its component layer
        component = IndependentNormal(event_shape, validate_args=validate_args, min_scale=min_scale)
        super().__init__(num_components, component, convert_to_tensor_fn, validate_args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "min_scale": self.component_layer.min_scale}


@keras.saving.register_keras_serializable(package="kvae")
class MixtureLogistic(Mixture):
    """A mixture of k independent logistics.

    Params are k logits, then for each component the blocks [loc, raw scale] of
    `IndependentLogistic`.

    Args:
        num_components: int k, the number of components.
        event_shape: int or tuple of ints, the shape of one example.
        convert_to_tensor_fn: see `MixtureSameFamily`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the components' scales in the unit of the data, by default 0.001;
            see `IndependentNormal`.
        **kwargs: see `MixtureSameFamily`.

    Example:
        >>> kvae.layers.MixtureLogistic(5, (4, 4, 1)).params_size
        165

    References:
        `tfp.layers.MixtureLogistic` (tensorflow/probability), whose packing it shares.
    """

    def __init__(
        self,
        num_components: int,
        event_shape: Any = (),
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        *,
        min_scale: float | None = None,
        **kwargs: Any,
    ):
        if min_scale is None and kwargs.get("activity_regularizer") is not None:
            min_scale = 0.0  # of a posterior, as in its component layer
        component = IndependentLogistic(
            event_shape, validate_args=validate_args, min_scale=min_scale
        )
        super().__init__(num_components, component, convert_to_tensor_fn, validate_args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "min_scale": self.component_layer.min_scale}


def _join_first_axes(values: Any) -> Any:
    """Return `values` with its first two axes as one."""
    return tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))


@tf.custom_gradient
def _nan_free_gradient(params: Any) -> tuple[Any, Any]:
    """Return `params`; where their gradient is NaN it comes back as zero.

    A component with a tiny scale, far from the data, has the density exp(-inf) = 0 and its
    gradient is 0 * inf, where the true one vanishes: the value of the mixture is right, and one
    such component would take the gradient of all others with it.
    """

    def gradient(upstream: Any) -> Any:
        return tf.where(tf.math.is_nan(upstream), tf.zeros_like(upstream), upstream)

    return tf.identity(params), gradient
