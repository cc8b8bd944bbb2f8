"""A KL that is held at a given number of nats."""

from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Batch, Latent
from kvae.regularizers.kl_divergence import KLDivergenceRegularizer
from kvae.regularizers.regularizer import value_at
from kvae.regularizers.schedules import Schedule, number_or_schedule

__all__ = ["Capacity"]


@keras.saving.register_keras_serializable(package="kvae")
class Capacity(KLDivergenceRegularizer):
    """weight * |mean over the batch of KL - capacity(step)|, in nats.

    The latent vector is to carry `capacity` nats, no more and no less. A schedule that raises it
    slowly lets the latent dimensions come in one after the other, the most useful first.

    Args:
        prior: see `KLDivergenceRegularizer`.
        capacity: nats, a number of at least 0 or a `kvae.regularizers.Schedule`.
        weight: gamma, a number of at least 0 or a schedule; the paper takes 1,000.
        **kwargs: other arguments of `KLDivergenceRegularizer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> prior = kvae.priors.StandardNormal(2)
        >>> kl = kvae.regularizers.Capacity(prior, capacity=2.0, weight=10.0)
        >>> q = tfd.MultivariateNormalDiag([[1.0, 0.0]], [[1.0, 1.0]])  # 0.5 nats
        >>> float(kl(kvae.contract.Latent(q.mean(), q)))
        15.0

    References:
        Burgess et al.: Understanding disentangling in beta-VAE, 2018, section 5,
        https://arxiv.org/abs/1804.03599
    """

    default_name = "capacity"

    def __init__(
        self, prior: Any = None, capacity: Any = 25.0, *, weight: Any = 1.0, **kwargs: Any
    ):
        super().__init__(prior, weight=weight, **kwargs)
        self.capacity = number_or_schedule("capacity", capacity)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules of the weight and of the capacity."""
        own = (self.capacity,) if isinstance(self.capacity, Schedule) else ()
        return (*super().schedules, *own)

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return sign(m - C) (KL - C) of each example in nats, with m the batch mean of the KL.

        Its mean is |m - C|, and so is its gradient.
        """
        divergence = self.divergence(latent)
        capacity = tf.cast(value_at(self.capacity, batch.step), divergence.dtype)
        side = tf.sign(tf.stop_gradient(batch.mean(divergence)) - capacity)
        return side * (divergence - capacity)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        capacity = keras.saving.serialize_keras_object(self.capacity)
        return {**super().get_config(), "capacity": capacity}

    def _repr_arguments(self) -> dict[str, Any]:
        return {**super()._repr_arguments(), "capacity": self.capacity}
