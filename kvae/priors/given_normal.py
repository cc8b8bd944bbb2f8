"""A normal whose parameters are given: the prior of a lower layer of a hierarchy."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.priors.prior import Prior, floored_scale

__all__ = ["GivenNormal"]


@keras.saving.register_keras_serializable(package="kvae")
class GivenNormal(Prior):
    """p(z | params) = N(z; loc, s^2), independent, with [loc, raw scale] as the condition.

    s = softplus(raw) + 0.001. It has no weights: what emits the parameters, such as the top-down
    networks of a `kvae.HierarchicalVAE`, has them. The blocks lie along the last axis as for
    `kvae.layers.IndependentNormal`. The KL of a normal to it has a closed form.

    Args:
        event_shape: int or tuple of ints, the shape of one draw.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `event_shape` does not hold positive integers; if at call time there is no
            condition or its shape does not fit.

    Example:
        >>> prior = kvae.priors.GivenNormal(2)
        >>> params = tf.constant([[1.0, 2.0, 0.0, 0.0]])
        >>> prior.distribution(params).mean().numpy()
        array([[1., 2.]], dtype=float32)

    References:
        Sonderby et al.: Ladder Variational Autoencoders, 2016, section 2,
        https://arxiv.org/abs/1602.02282
    """

    @property
    def params_shape(self) -> tuple[int, ...]:
        """The shape of the parameters of one example."""
        return (*self.event_shape[:-1], 2 * self.event_shape[-1])

    def make_distribution(self, condition: Any = None) -> Any:
        """Return independent normals of batch shape (batch...)."""
        loc, scale = self._moments(condition)
        return tfd.Independent(tfd.Normal(loc, scale), len(self.event_shape))

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return loc + scale * normal, (batch, *event_shape)."""
        loc, scale = self._moments(condition)
        return loc + scale * tf.reshape(normal, (-1, *self.event_shape))

    def _moments(self, condition: Any) -> tuple[Any, Any]:
        expected = self.params_shape
        shape = () if condition is None else tuple(condition.shape)
        if len(shape) < len(expected) or shape[len(shape) - len(expected) :] != expected:
            raise ValueError(
                f"Expected the condition of {self.description()} to be its parameters, of shape "
                f"(batch, {', '.join(map(str, expected))}). Received: "
                + ("no condition" if condition is None else f"a tensor of shape {shape}")
            )
        loc, raw_scale = tf.split(tf.cast(condition, tf.float32), 2, axis=-1)
        return loc, floored_scale(raw_scale)
