"""One group of latent variables, inferred."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kvae.contract.closed_form import kl_divergence, log_ratio, mean_over_draws

__all__ = ["Latent"]


@dataclass(frozen=True, eq=False)
class Latent:
    """A draw (or the point) of a posterior, with the posterior and the prior it came from.

    Attributes:
        value: shape (B, *event_shape), or (K, B, *event_shape) for K draws.
        posterior: q(z|x), a `tfd.Distribution` of batch shape (B,); None for codes and
            deterministic encoders.
        prior: p(z), a `tfd.Distribution` of batch shape () or (B,), given the groups above and the
            condition; None where no regularizer names one.
        regularizer: the penalties of this group, or None.
        seed: two int32 for further draws from the posterior, or None.
        fixed: function that returns the posterior with its parameters held fixed, for gradients by
            z alone; None where they cannot be.

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
    _computed: dict[str, Any] = field(default_factory=dict, repr=False)

    def kl(self) -> Any:
        """Return KL(q(z|x) || p(z)) of each example in nats, shape (B,), computed once.

        In closed form where there is one, else the mean of log q(z|x) - log p(z) over the draws of
        `value`; a KL regularizer may ask for another estimate.
        """
        return self.once("kl", self._kl)

    def first(self) -> "Latent":
        """Return this group with the first of its K draws alone."""
        return replace(self, value=self.value[0], _computed={})

    def log_ratio(self) -> Any:
        """Return log q(z|x) - log p(z) in nats at each draw, (B,) or (K, B)."""
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
        if self.posterior is None or self.prior is None:
            raise ValueError(
                "Expected a latent with a posterior and a prior. Received: "
                f"posterior={self.posterior!r}, prior={self.prior!r}"
            )
        exact = kl_divergence(self.posterior, self.prior)
        if exact is not None:
            return exact
        return mean_over_draws(self.log_ratio(), self.posterior)
