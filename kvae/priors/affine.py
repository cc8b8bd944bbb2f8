"""A prior that is another one, shifted and scaled."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.priors.one_pass import OnePassBijector
from kvae.priors.prior import Prior, VectorPrior

__all__ = ["Affine"]


@keras.saving.register_keras_serializable(package="kvae")
class Affine(VectorPrior):
    """p(z) of z = loc + scale * u, elementwise, with u from another prior.

    `VAE.fit_prior` fits `base` to standardized codes: priors start near N(0, I), and have floors
    that suit a standard deviation of about one. `loc` and `scale` are kept with the weights and are
    not trained; they start at 0 and 1. The KL to it has no closed form and is estimated by Monte
    Carlo.

    Args:
        base: a prior over vectors without a condition.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `base` is no such prior.

    Example:
        >>> prior = kvae.priors.Affine(kvae.priors.StandardNormal(2))
        >>> prior.set_moments([5.0, 0.0], [0.1, 2.0])
        >>> prior.distribution().log_prob([[5.0, 0.0]]).numpy().round(3)  # -log 2 pi - log 0.2
        array([-0.228], dtype=float32)
    """

    def __init__(self, base: Any, **kwargs: Any):
        base = keras.saving.deserialize_keras_object(base) if isinstance(base, dict) else base
        if not isinstance(base, Prior) or base.condition_dim is not None or base.reads_posterior:
            raise ValueError(
                "Expected base to be a prior that reads neither a condition nor the encoder. "
                f"Received: base={base.description() if isinstance(base, Prior) else base!r}"
            )
        super().__init__(base.event_shape, **kwargs)
        self.base = base

    def build(self, input_shape: Any = None) -> None:
        """Create `loc` and `scale`, and the weights of `base`."""
        own = {
            "shape": (self.latent_dim,),
            "dtype": "float32",
            "trainable": False,
            "autocast": False,
        }
        self.loc = self.add_weight(initializer="zeros", name="loc", **own)
        self.scale = self.add_weight(initializer="ones", name="scale", **own)
        if not self.base.built:
            self.base.build()
        super().build(input_shape)

    def set_moments(self, loc: Any, scale: Any) -> None:
        """Set `loc` and `scale`, (d,) each."""
        if not self.built:
            self.build()
        self.loc.assign(loc)
        self.scale.assign(scale)

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.TransformedDistribution` of event shape (d,)."""
        bijector = OnePassBijector(self._forward, self._inverse)
        return tfd.TransformedDistribution(self.base.distribution(), bijector)

    def _forward(self, u: Any) -> tuple[Any, Any]:
        return self.loc + self.scale * u, tf.zeros_like(u[..., 0]) + self._log_det()

    def _inverse(self, z: Any) -> tuple[Any, Any]:
        return (z - self.loc) / self.scale, tf.zeros_like(z[..., 0]) - self._log_det()

    def _log_det(self) -> Any:
        return tf.reduce_sum(tf.math.log(tf.convert_to_tensor(self.scale)))

    @property
    def normals(self) -> int:
        """How many standard normals `from_normal` turns into one draw."""
        return self.base.normals

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return draws made of given standard normals, (batch, d)."""
        if not self.built:
            self.build()
        return self.loc + self.scale * self.base.from_normal(normal)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        config = super().get_config()
        del config["event_shape"]
        return {**config, "base": keras.saving.serialize_keras_object(self.base)}

    def description(self) -> str:
        """Return the class and that of `base`."""
        return f"{type(self).__name__}({self.base.description()})"
