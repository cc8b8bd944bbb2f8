"""One group of latent variables, inferred."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from kvae.contract.closed_form import kl_divergence, log_prior, log_ratio, mean_over_draws

__all__ = ["NO_WEIGHTS", "Latent"]

DENSITY = "Expected a posterior with a density q(z|x), which importance weights need. Received: "
# Why a kind of latent variables has no importance weights, and what compares such models.
NO_WEIGHTS = {
    "codes": f"{DENSITY}codes, which x determines. Compare such models by elbo or score: "
    "log p(x|codes) + log p(codes).",
    "deterministic": f"{DENSITY}a deterministic encoder. Compare such models by score, or by "
    "kvae.evaluation.annealed_importance_sampling, which needs no posterior.",
}


def _sampled(posterior: Any, seed: Any) -> Any:
    return posterior.sample(seed=seed)


@dataclass(frozen=True, eq=False)
class Latent:
    """A draw (or the point) of a posterior, with the posterior and the prior it came from.

    Attributes:
        value: shape (B, *event_shape), or (K, B, *event_shape) for K draws; of codes the vectors
            that they stand for.
        posterior: q(z|x), a `tfd.Distribution` of batch shape (B,); None for codes and
            deterministic encoders. With K draws of the groups above it is (K, B).
        prior: p(z), a `tfd.Distribution` of batch shape () or (B,), given the groups above and the
            condition; None where no regularizer names one.
        regularizer: the penalties of this group, or None.
        seed: two int32 for further draws from the posterior, or None.
        fixed: function that returns the posterior with its parameters held fixed, for gradients by
            z alone; None where they cannot be.
        codes: int32 (B, ...) where the group is of codes: the prior is one over these.
        draw: function (posterior, seed) that draws from it; by default TFP's.
        per_draw: whether posterior and prior depend on the draws of the groups above and have
            batch shape (K, B).
        state: what a hierarchy has computed of this group and those above, for the decoder; None
            where there is nothing.

    Example:
        >>> q = tfd.MultivariateNormalDiag([[1.0, 0.0]], [[1.0, 1.0]])
        >>> p = kvae.priors.StandardNormal(2).distribution()
        >>> kvae.contract.Latent(q.mean(), q, p).kl().numpy()
        array([0.5], dtype=float32)
    """

    value: Any
    posterior: Any = None
    prior: Any = None
    regularizer: Any = None
    seed: Any = None
    fixed: Callable[[], Any] | None = None
    codes: Any = None
    draw: Callable[[Any, Any], Any] = field(default=_sampled, repr=False)
    per_draw: bool = False
    state: Any = field(default=None, repr=False)
    _computed: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def has_kl(self) -> bool:
        """Whether the group has a KL: that of a regularizer, or the one of codes with a prior."""
        named = self.regularizer is not None and self.regularizer.kl_part is not None
        return named or (self.codes is not None and self.prior is not None)

    def kl(self) -> Any:
        """Return KL(q(z|x) || p(z)) of each example in nats, shape (B,), computed once.

        Of codes, which x determines, it is -log p(codes). Else it is in closed form where there is
        one, or the mean of log q(z|x) - log p(z) over the draws of `value`; a KL regularizer may
        ask for another estimate.
        """
        return self.once("kl", self._kl)

    def first(self) -> "Latent":
        """Return this group with the first of its K draws alone."""
        posterior, prior = self.posterior, self.prior
        if self.per_draw:
            posterior, prior = posterior[0], prior[0]
        return replace(
            self,
            value=self.value[0],
            posterior=posterior,
            prior=prior,
            per_draw=False,
            state=None,
            _computed={},
        )

    def rows(self) -> "Latent":
        """Return this group with its K draws as K * B examples, for a decoder."""
        return replace(self, value=tf.reshape(self.value, [-1, *self.value.shape[2:]]))

    def mean_of_draws(self, values: Any) -> Any:
        """Return values (K, B, ...) that differ with the draws as their mean (B, ...).

        Values (B, ...) that do not differ are returned as they are.
        """
        return tf.reduce_mean(values, axis=0) if self.per_draw else values

    def score(self) -> Any:
        """Return what the group adds to a score in nats, (B,): the KL.

        Of a deterministic encoder, which has none, it is -log p(z) at its code.
        """
        if self.posterior is None and self.codes is None and self.prior is not None:
            return -log_prior(self.prior, self.value)
        return self.kl()

    def log_ratio(self) -> Any:
        """Return log q(z|x) - log p(z) in nats at each draw, (B,) or (K, B)."""
        if self.posterior is None:
            kind = "deterministic" if self.codes is None else "codes"
            raise ValueError(NO_WEIGHTS[kind])
        return log_ratio(self.posterior, self.prior, self.value)

    def once(self, key: str, function: Callable[[], Any]) -> Any:
        """Return what `function` gives, computed at the first call for this latent and `key`."""
        if key not in self._computed:
            self._computed[key] = function()
        return self._computed[key]

    def _kl(self) -> Any:
        own = self.regularizer.kl_part if self.regularizer is not None else None
        if own is not None:
            return own.divergence(self)
        if self.codes is not None and self.prior is not None:
            return -self.prior.log_prob(self.codes)
        if self.posterior is None or self.prior is None:
            raise ValueError(
                "Expected a latent with a posterior and a prior. Received: "
                f"posterior={self.posterior!r}, prior={self.prior!r}"
            )
        exact = kl_divergence(self.posterior, self.prior)
        if exact is not None:
            return self.mean_of_draws(exact)
        return self.mean_of_draws(mean_over_draws(self.log_ratio(), self.posterior))
