"""A normalizing flow as the prior: RealNVP."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.priors.one_pass import OnePassBijector
from kvae.priors.prior import VectorPrior

__all__ = ["Flow"]

# A coupling scales by at most e^2, so that a network gone wild cannot make the density overflow.
LOG_SCALE_BOUND = 2.0


@keras.saving.register_keras_serializable(package="kvae")
class Flow(VectorPrior):
    """p(z) of z = f_n(... f_1(u)) with u ~ N(0, I) and f_i invertible: RealNVP.

    Each step keeps one half of the dimensions and moves the other half by a shift and a scale
    that a network computes from the kept half,

        z_a = u_a,    z_b = u_b exp(s(u_a)) + t(u_a),    |s| <= 2,

    steps taking turns at the halves. A draw and a density are one pass each. It starts near
    N(0, I). The KL to it has no closed form and is estimated by Monte Carlo.

    Args:
        event_shape: int d of at least 2, the number of latent dimensions.
        num_steps: number of steps; two move every dimension once.
        hidden: units of the hidden layers of each step's network.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> prior = kvae.priors.Flow(2, num_steps=4, hidden=(32,))
        >>> z = prior.distribution().sample(5)
        >>> prior.distribution().log_prob(z).shape
        TensorShape([5])

    References:
        Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2017,
        https://arxiv.org/abs/1605.08803;
        Chen et al.: Variational Lossy Autoencoder, 2017, section 3.2 (a flow as the prior),
        https://arxiv.org/abs/1611.02731
    """

    def __init__(
        self,
        event_shape: Any,
        num_steps: int = 6,
        hidden: Sequence[int] = (64, 64),
        **kwargs: Any,
    ):
        super().__init__(event_shape, **kwargs)
        if self.latent_dim < 2:
            raise ValueError(
                f"Expected event_shape to be at least 2. Received: event_shape={event_shape!r}"
            )
        self.num_steps = checks.positive_int("num_steps", num_steps)
        self.hidden = checks.event_shape(hidden, "hidden")

    def build(self, input_shape: Any = None) -> None:
        """Create the network of each step."""
        # Layers one by one: a keras.Sequential would take no further batch axes.
        self.dense = []
        for step in range(self.num_steps):
            kept = self._kept(step)
            widths = [kept, *self.hidden, 2 * (self.latent_dim - kept)]
            for index, (width, units) in enumerate(itertools.pairwise(widths)):
                last = index == len(self.hidden)
                start = keras.initializers.RandomNormal(stddev=1e-2)  # nearly the identity
                dense = keras.layers.Dense(
                    units,
                    None if last else "relu",
                    kernel_initializer=start if last else "he_normal",
                    dtype="float32",  # a Jacobian rounded to half precision is another density
                    name=f"step_{step}_dense_{index}",
                )
                dense.build((None, width))
                self.dense.append(dense)
        super().build(input_shape)

    def _kept(self, step: int) -> int:
        """How many dimensions step `step` keeps: the first half or the second, in turns."""
        half = self.latent_dim // 2
        return half if step % 2 == 0 else self.latent_dim - half

    def _shift_and_log_scale(self, step: int, kept: Any) -> tuple[Any, Any]:
        """Return t(u_a) and s(u_a) of step `step`."""
        depth = len(self.hidden) + 1
        for dense in self.dense[step * depth : (step + 1) * depth]:
            kept = dense(kept)
        shift, raw = tf.split(kept, 2, axis=-1)
        return shift, LOG_SCALE_BOUND * tf.tanh(raw / LOG_SCALE_BOUND)

    def _halves(self, step: int, vectors: Any) -> tuple[Any, Any]:
        """Return the kept and the moved dimensions of step `step`."""
        half = self.latent_dim // 2
        first, second = tf.split(vectors, [half, self.latent_dim - half], axis=-1)
        return (first, second) if step % 2 == 0 else (second, first)

    def forward(self, u: Any) -> tuple[Any, Any]:
        """Return z (batch..., d) and log |det dz/du| (batch...) at u (batch..., d)."""
        z, log_det = u, 0.0
        for step in range(self.num_steps):
            kept, moved = self._halves(step, z)
            shift, log_scale = self._shift_and_log_scale(step, kept)
            moved = moved * tf.exp(log_scale) + shift
            z = tf.concat([kept, moved] if step % 2 == 0 else [moved, kept], axis=-1)
            log_det += tf.reduce_sum(log_scale, axis=-1)
        return z, log_det

    def inverse(self, z: Any) -> tuple[Any, Any]:
        """Return u (batch..., d) and log |det du/dz| (batch...) at z (batch..., d)."""
        u, log_det = z, 0.0
        for step in reversed(range(self.num_steps)):
            kept, moved = self._halves(step, u)
            shift, log_scale = self._shift_and_log_scale(step, kept)
            moved = (moved - shift) * tf.exp(-log_scale)
            u = tf.concat([kept, moved] if step % 2 == 0 else [moved, kept], axis=-1)
            log_det -= tf.reduce_sum(log_scale, axis=-1)
        return u, log_det

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.TransformedDistribution` of event shape (d,)."""
        # A fifth of the graph that tfd.MultivariateNormalDiag builds.
        base = tfd.Independent(tfd.Normal(tf.zeros(self.latent_dim), tf.ones(self.latent_dim)), 1)
        return tfd.TransformedDistribution(base, OnePassBijector(self.forward, self.inverse))

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return draws made of given standard normals, (batch, d)."""
        if not self.built:
            self.build()
        return self.forward(normal)[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {**super().get_config(), "num_steps": self.num_steps, "hidden": self.hidden}
