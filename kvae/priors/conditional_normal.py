"""A normal whose moments depend on the condition, as the prior."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.priors.prior import SCALE_FLOOR, VectorPrior, floored_scale
from kvae.special_functions import softplus_inverse

__all__ = ["ConditionalNormal"]


@keras.saving.register_keras_serializable(package="kvae")
class ConditionalNormal(VectorPrior):
    """p(z|c) = N(m(c), diag(s(c)^2)), with a dense network from c to the means and scales.

    It starts near N(0, I) for every condition. For Gaussian posteriors the KL has a closed form
    (`kvae.contract.closed_form`).

    Args:
        event_shape: int d, the number of latent dimensions.
        condition_dim: int, number of elements of the vector c; the `size` of a condition in
            `kvae.conditions`.
        hidden: units of the network's hidden layers, with tanh after each.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a size is not a positive integer, or the prior is used without a condition.

    Example:
        >>> prior = kvae.priors.ConditionalNormal(2, condition_dim=10)
        >>> prior.distribution(tf.one_hot([3, 7, 7], 10)).batch_shape
        TensorShape([3])

    References:
        Sohn, Lee, Yan: Learning Structured Output Representation using Deep Conditional Generative
        Models, 2015, section 4,
        https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html
    """

    def __init__(
        self, event_shape: Any, condition_dim: int, hidden: Sequence[int] = (64,), **kwargs: Any
    ):
        super().__init__(event_shape, **kwargs)
        self.condition_dim: int = checks.positive_int("condition_dim", condition_dim)
        self.hidden = tuple(checks.positive_int("hidden", units) for units in hidden)

    def build(self, input_shape: Any = None) -> None:
        """Create the network's weights."""
        sizes: tuple[int, ...] = (self.condition_dim, *self.hidden, 2 * self.latent_dim)
        small = keras.initializers.RandomNormal(stddev=0.01)
        self.kernels, self.biases = [], []
        for index, (inputs, units) in enumerate(itertools.pairwise(sizes)):
            start: Any = small if index == len(self.hidden) else "glorot_uniform"
            self.kernels.append(self.add_float32_weight((inputs, units), start, f"kernel_{index}"))
            self.biases.append(self.add_float32_weight((units,), "zeros", f"bias_{index}"))
        super().build(input_shape)

    def moments(self, condition: Any) -> tuple[Any, Any]:
        """Return means and standard deviations, each (batch, d), of vectors (batch, dim)."""
        if condition is None or condition.shape[-1] != self.condition_dim:
            received = "none" if condition is None else f"shape {tuple(condition.shape)}"
            raise ValueError(
                f"Expected a condition of shape (batch, {self.condition_dim}) for "
                f"{self.description()}. Received: {received}"
            )
        if not self.built:
            self.build()
        outputs = tf.cast(condition, tf.float32)
        for index, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            outputs = outputs @ tf.convert_to_tensor(kernel) + bias
            if index < len(self.hidden):
                outputs = tf.tanh(outputs)
        loc, raw_scale = tf.split(outputs, 2, axis=-1)
        return loc, floored_scale(raw_scale + softplus_inverse(1.0 - SCALE_FLOOR))

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.MultivariateNormalDiag` of batch shape (batch,) and event shape (d,)."""
        return tfd.MultivariateNormalDiag(*self.moments(condition))

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return m(c) + s(c) * normal, (batch, d)."""
        loc, scale = self.moments(condition)
        return loc + scale * normal

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        own = {"condition_dim": self.condition_dim, "hidden": self.hidden}
        return {**super().get_config(), **own}
