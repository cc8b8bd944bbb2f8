"""Free bits: a KL that costs nothing until each group of dimensions carries something."""

from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Batch, Latent
from kvae.contract.closed_form import kl_per_element
from kvae.regularizers.kl_divergence import KLDivergenceRegularizer

__all__ = ["FreeBits"]


@keras.saving.register_keras_serializable(package="kvae")
class FreeBits(KLDivergenceRegularizer):
    """weight * sum over groups g of max(free_bits, mean over the batch of KL_g), in nats.

    The KL of each group of latent dimensions is free up to `free_bits` nats, so that the optimizer
    has no reason to empty a dimension early in training (posterior collapse).

    Args:
        prior: see `KLDivergenceRegularizer`.
        free_bits: nats that each group has for free; 0 is the plain KL.
        groups: number of equal groups of neighbouring latent dimensions. By default each
            dimension is a group of its own. With 1 the whole KL is the group: the only choice
            where the KL is no sum over dimensions in closed form (independent normals against
            `StandardNormal` have one).
        weight: beta, a number of at least 0 or a schedule.
        **kwargs: other arguments of `KLDivergenceRegularizer`.

    Raises:
        ValueError: If an argument is not of the form above, or the KL has no such groups.

    Example:
        >>> kl = kvae.regularizers.FreeBits(kvae.priors.StandardNormal(2), free_bits=0.25)
        >>> q = tfd.MultivariateNormalDiag([[1.0, 0.0]], [[1.0, 1.0]])
        >>> float(kl(kvae.contract.Latent(q.mean(), q)))  # 0.5 nats, and 0 nats raised to 0.25
        0.75

    References:
        Kingma et al.: Improving Variational Inference with Inverse Autoregressive Flow, 2016,
        appendix C.8, https://arxiv.org/abs/1606.04934
    """

    default_name = "free_bits"

    def __init__(
        self,
        prior: Any = None,
        free_bits: float = 0.25,
        groups: int | None = None,
        *,
        weight: Any = 1.0,
        **kwargs: Any,
    ):
        super().__init__(prior, weight=weight, **kwargs)
        self.free_bits = checks.non_negative("free_bits", free_bits)
        size = self.prior.latent_dim
        self.groups = size if groups is None else checks.positive_int("groups", groups)
        if size % self.groups:
            raise ValueError(
                f"Expected groups to divide the {size} latent dimensions. Received: "
                f"groups={groups!r}"
            )

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return sum over groups of KL_g, or `free_bits` where the batch mean is below, (B,)."""
        divergences = self.group_divergences(latent)  # (B, groups)
        means = tf.stop_gradient(batch.mean(divergences))  # (groups,)
        return tf.reduce_sum(tf.where(means > self.free_bits, divergences, self.free_bits), axis=-1)

    def group_divergences(self, latent: Latent) -> Any:
        """Return the KL of each group in nats, shape (B, groups)."""
        if self.groups == 1:
            return self.divergence(latent)[:, tf.newaxis]
        elements = None
        if self.use_exact_kl:
            elements = kl_per_element(latent.posterior, self.prior_of(latent))
        if elements is None:
            raise ValueError(
                "Expected groups=1: the KL of several groups needs a closed form that is a sum "
                "over latent dimensions, which independent normals against StandardNormal have. "
                f"Received: groups={self.groups}, {self!r} and a {type(latent.posterior).__name__}"
            )
        elements = latent.mean_of_draws(elements)
        size = self.prior.latent_dim // self.groups
        return tf.reduce_sum(tf.reshape(elements, [-1, self.groups, size]), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {**super().get_config(), "free_bits": self.free_bits, "groups": self.groups}

    def _repr_arguments(self) -> dict[str, Any]:
        own = {"free_bits": self.free_bits, "groups": self.groups}
        return {**super()._repr_arguments(), **own}
