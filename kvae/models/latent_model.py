"""What every model with an encoder and a decoder can do with arrays, in batches."""

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract import InputSpec
from kvae.layers import DistributionLayer
from kvae.models.batches import BatchedFunction
from kvae.models.checked_model import CheckedModel
from kvae.priors import Prior

__all__ = ["LatentModel", "floats"]


class LatentModel(CheckedModel):
    """Encode, decode, reconstruct, sample and score arrays; results are NumPy arrays.

    A subclass sets `encoder`, `posterior_layer`, `decoder`, `likelihood_layer` and `latent_dim`,
    and defines `prior` and `kl_divergence`.
    """

    encoder: keras.Model
    posterior_layer: DistributionLayer
    decoder: keras.Model
    likelihood_layer: DistributionLayer
    latent_dim: int

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()
        self._functions: dict[str, BatchedFunction] = {}

    @property
    def prior(self) -> Prior:
        """The prior over the latent vector."""
        raise NotImplementedError

    def kl_divergence(self, posterior: Any, z: Any) -> Any:
        """Return KL(posterior || prior) of each example in nats, shape (batch,)."""
        raise NotImplementedError

    def after_fit(self) -> None:
        """Warn where training ended before a schedule of the posterior's penalties did."""
        left = self.posterior_layer.steps_left()
        if left:
            done = int(self.posterior_layer.step())
            warnings.warn(
                f"Training ended after {done} steps (batches), {left} before the schedules of "
                f"{self.posterior_layer.regularizer!r} reach their end: the loss was not yet the "
                "one they lead to. Train longer, or shorten the schedules.",
                stacklevel=3,
            )

    def posterior(self, x: Any) -> Any:
        """Return q(z|x), a `tfd.Distribution` of batch shape (batch,) and event (latent_dim,)."""
        return self.posterior_layer.distribution(self.encoder(x, training=False))

    def likelihood(self, z: Any) -> Any:
        """Return p(x|z), a `tfd.Distribution` of batch shape (batch,) and event `event_shape`."""
        return self.likelihood_layer.distribution(self.decoder(z, training=False))

    def encode(self, x: Any, batch_size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior's mean and standard deviation, each (examples, latent_dim).

        Args:
            x: array of shape (examples, *event_shape).
            batch_size: examples computed at once.
        """
        return self._run(self._encode, self.named_inputs().check_x(x), batch_size)

    def decode(self, z: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean at `z`, shape (examples, *event_shape).

        Args:
            z: array of shape (examples, latent_dim).
            batch_size: examples computed at once.
        """
        z = InputSpec((self.latent_dim,)).check(z, "z")
        return self._run(self._decode, z, batch_size)

    def reconstruct(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean at the posterior's mean, shape (examples, *event_shape)."""
        x = self.named_inputs().check_x(x)
        return self._run(self._reconstruct, x, batch_size)

    def sample(self, n: int, seed: int | None = None, batch_size: int | None = None) -> np.ndarray:
        """Return the likelihood's mean at `n` draws from the prior, shape (n, *event_shape).

        Args:
            n: number of draws.
            seed: int, makes the draws reproducible.
            batch_size: examples computed at once.
        """
        n = checks.positive_int("n", n)
        z = self.prior.distribution().sample(n, seed=self._draw_seed(seed))
        return self._run(self._decode, z.numpy(), batch_size)

    def elbo(self, x: Any, seed: int | None = None, batch_size: int | None = None) -> np.ndarray:
        """Return the ELBO of each example in nats with one draw of z, shape (examples,).

        Args:
            x: array of shape (examples, *event_shape).
            seed: int, makes the draws reproducible.
            batch_size: examples computed at once.
        """
        x = self.named_inputs().check_x(x)
        return self._run(self._elbo, x, batch_size, seed=self._draw_seed(seed))

    def _run(self, method: Any, array: np.ndarray, batch_size: int | None, **kwargs: Any) -> Any:
        """Run a method on tensors over an array in batches; it is traced once for the model."""
        name = method.__name__
        if name not in self._functions:
            self._functions[name] = BatchedFunction(method)
        return self._functions[name](array, batch_size, **kwargs)

    def _draw_seed(self, seed: int | None) -> Any:
        """Return a stateless seed of shape (2,), the model's own next one without `seed`."""
        if seed is None:
            return tf.cast(self.seed_generator.next(), tf.int32)
        return tf.constant([int(seed), 0], tf.int32)

    def _encode(self, x: Any) -> tuple[Any, Any]:
        posterior = self.posterior(floats(x))
        return posterior.mean(), posterior.stddev()

    def _decode(self, z: Any) -> Any:
        return self.likelihood_layer.mean(self.decoder(floats(z), training=False))

    def _reconstruct(self, x: Any) -> Any:
        return self._decode(self.posterior(floats(x)).mean())

    def _elbo(self, x: Any, seed: Any) -> Any:
        x = floats(x)
        posterior = self.posterior(x)
        z = posterior.sample(seed=seed)
        likelihood = self.likelihood(z)
        nll = -likelihood.log_prob(tf.cast(x, likelihood.dtype))
        return -(nll + self.kl_divergence(posterior, z))

    def input_specs(self) -> dict[str, InputSpec]:
        """Return what x has to be, the encoder's input, and its target, an event."""
        layer, dtype = self.likelihood_layer, keras.config.floatx()
        return {
            "x": InputSpec(tuple(self.encoder.input_shape)[1:], dtype),
            "target": InputSpec(layer.event_shape, dtype, layer.domain, required=False),
        }


def floats(x: Any) -> Any:
    """Return `x` as a floating-point tensor; pixels of whole numbers are cast."""
    x = tf.convert_to_tensor(x)  # an eager train_on_batch hands over NumPy arrays
    return x if x.dtype.is_floating else tf.cast(x, keras.config.floatx())
