"""The VampPrior: the posteriors of learned pseudo-inputs as the prior."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.contract.closed_form import is_diagonal
from kvae.priors.gaussian_mixture import pick_component
from kvae.priors.prior import VectorPrior

__all__ = ["VampPrior"]

EDGE = 0.01  # share of the range that `adapt` keeps from its ends, where a sigmoid cannot learn


@keras.saving.register_keras_serializable(package="kvae")
class VampPrior(VectorPrior):
    """p(z) = 1/K sum_k q(z | u_k): a mixture of the posteriors of K learned pseudo-inputs u_k.

    It uses the encoder and the posterior layer of its model and owns only the pseudo-inputs, so
    that the encoder's weights are counted and saved once. A `kvae.VAE` binds it to itself; in a
    model built by hand, call `bind`, and again after loading. The encoder sees pseudo-inputs as
    outside training (no dropout, stored batch statistics). The KL to it has no closed form and is
    estimated by Monte Carlo. Exported files draw from it where the posteriors are normals without
    covariance, `VAE.sample` behind any posterior.

    Pseudo-inputs are u = low + (high - low) sigmoid(v) with v learned, so that they cannot leave
    the data's range. They start random about the middle; `adapt(x_train)` starts them at
    examples, which trains faster.

    Args:
        event_shape: int d, the number of latent dimensions.
        data_shape: shape of one example of the data, int or tuple.
        num_components: int K, the number of pseudo-inputs.
        low: least value of the data, or None if they have no bounds.
        high: greatest value of the data, or None if they have no bounds.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above, or the prior is used unbound.

    Example:
        >>> prior = kvae.priors.VampPrior(2, data_shape=(8, 8, 1), num_components=20)
        >>> posterior = kvae.layers.MultivariateNormalDiag(2)
        >>> encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size)
        >>> prior.bind(lambda x: posterior.distribution(encoder(x)))  # VAE does this by itself
        >>> prior.distribution().sample(5).shape
        TensorShape([5, 2])

    References:
        Tomczak, Welling: VAE with a VampPrior, 2018, https://arxiv.org/abs/1705.07120
    """

    reads_posterior = True

    def __init__(
        self,
        event_shape: Any,
        data_shape: Any,
        num_components: int = 50,
        low: float | None = 0.0,
        high: float | None = 1.0,
        **kwargs: Any,
    ):
        super().__init__(event_shape, **kwargs)
        self.data_shape = checks.event_shape(data_shape, "data_shape")
        self.num_components = checks.positive_int("num_components", num_components)
        bounds = [float(value) for value in (low, high) if value is not None]
        if len(bounds) == 1 or (bounds and not -math.inf < bounds[0] < bounds[1] < math.inf):
            raise ValueError(
                "Expected low and high to be finite with low < high, or both None. Received: "
                f"low={low!r}, high={high!r}"
            )
        self.low: Any = bounds[0] if bounds else None
        self.high: Any = bounds[1] if bounds else None
        self._posterior: Callable[[Any], Any] | None = None

    def build(self, input_shape: Any = None) -> None:
        """Create the pseudo-inputs."""
        shape = (self.num_components, *self.data_shape)
        spread = keras.initializers.RandomNormal(stddev=1.0)
        self.raw_pseudo_inputs = self.add_float32_weight(shape, spread, "raw_pseudo_inputs")
        super().build(input_shape)

    def bind(self, posterior: Callable[[Any], Any]) -> None:
        """Take the posterior from this function; a `VAE` calls it with its own.

        Args:
            posterior: function from a batch of data (batch, *data_shape) to the
                `tfd.Distribution` q(z|x).
        """
        self._posterior = posterior

    def adapt(self, x: Any, seed: int = 0) -> None:
        """Start the pseudo-inputs at examples drawn from `x`.

        Args:
            x: at least `num_components` examples, shape (examples, *data_shape).
            seed: int, says which examples.

        Raises:
            ValueError: If `x` does not fit, or leaves the range from `low` to `high`.
        """
        checks.unmasked("x", x, "Give examples without missing values.")
        x = np.asarray(x)
        if x.shape[1:] != self.data_shape or len(x) < self.num_components:
            raise ValueError(
                f"Expected x to hold at least {self.num_components} examples of shape "
                f"{self.data_shape}. Received: shape {x.shape}"
            )
        if not np.isfinite(x).all():
            raise ValueError(
                "Expected x to hold finite numbers. Received: values that are NaN or infinite. "
                "Give examples without missing values."
            )
        # In float32, as domains are compared: of MinMaxScaler the maximum is 1.0000000000000002.
        ends = self.low, x.min(), x.max(), self.high
        if self.low is not None and np.any(np.diff(np.array(ends, "float32")) < 0):
            raise ValueError(
                "Expected x to hold numbers between low and high, the range of the data. Received: "
                f"values in [{x.min():g}, {x.max():g}], low={self.low:g}, high={self.high:g}"
            )
        if not self.built:
            self.build()
        chosen = np.random.default_rng(seed).choice(len(x), self.num_components, replace=False)
        values = x[np.sort(chosen)].astype("float64")
        if self.low is not None:
            share = np.clip((values - self.low) / (self.high - self.low), EDGE, 1.0 - EDGE)
            values = np.log(share) - np.log1p(-share)
        self.raw_pseudo_inputs.assign(values.astype("float32"))

    def pseudo_inputs(self) -> Any:
        """Return the pseudo-inputs, shape (K, *data_shape)."""
        if not self.built:
            self.build()
        raw = tf.convert_to_tensor(self.raw_pseudo_inputs)
        if self.low is None:
            return raw
        return self.low + (self.high - self.low) * tf.sigmoid(raw)

    def components(self) -> Any:
        """Return q(z | u_k), a `tfd.Distribution` of batch shape (K,)."""
        if self._posterior is None:
            raise ValueError(
                f"Expected {self.name} to be bound to a posterior: a kvae.VAE binds its prior; in "
                "a model built by hand call prior.bind(lambda x: "
                "posterior.distribution(encoder(x))), before the posterior layer is called and "
                "again after loading."
            )
        return self._posterior(self.pseudo_inputs())

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.MixtureSameFamily` of event shape (d,)."""
        components = self.components()
        logits = tf.zeros(self.num_components, components.dtype)
        return tfd.MixtureSameFamily(tfd.Categorical(logits), components)

    @property
    def normals(self) -> int:
        """How many standard normals `from_normal` turns into one draw."""
        return self.latent_dim + 2 * self.num_components

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return draws made of given standard normals; the posteriors are diagonal normals."""
        components = self.components()
        if not is_diagonal(components):
            return super().from_normal(normal)
        noise, race = tf.split(normal, [self.latent_dim, 2 * self.num_components], axis=-1)
        weights = tf.fill([self.num_components], 1.0 / self.num_components)
        chosen = pick_component(race, weights)
        loc, scale = (tf.cast(m, normal.dtype) for m in (components.mean(), components.stddev()))
        return chosen @ loc + (chosen @ scale) * noise

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {
            **super().get_config(),
            "data_shape": self.data_shape,
            "num_components": self.num_components,
            "low": self.low,
            "high": self.high,
        }
