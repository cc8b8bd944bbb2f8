"""The KL divergence of the posterior to a prior, counted once, as a batch mean."""

import operator
from typing import Any

import keras
import tensorflow as tf

from kvae import priors, registered
from kvae.contract import Batch, Latent, Term
from kvae.contract.closed_form import kl_divergence, log_ratio, mean_over_draws
from kvae.regularizers.regularizer import Regularizer

__all__ = ["KLDivergenceRegularizer"]


@keras.saving.register_keras_serializable(package="kvae")
class KLDivergenceRegularizer(Regularizer):
    """weight * mean over the batch of KL(q(z|x) || p(z)), in nats.

    In `tfp.layers` the same penalty enters the loss twice, so that its canonical recipe trains
    with beta = 2 (tensorflow/probability#1215); here it enters once.

    Args:
        prior: a `kvae.priors.Prior`; a `tfd` standard normal is accepted as well. TFP's name for
            it, `distribution_b`, works as a keyword.
        use_exact_kl: whether to use the closed form. Where there is none, or if False, the KL is
            estimated by the mean over test points z of log q(z|x) - log p(z).
        test_points_reduce_axis: accepted as in TFP, and without effect: the penalty is a mean, so
            all axes of several test points are averaged in any case.
        test_points_fn: where the test points of the estimate come from. By default it is the one
            draw that the decoder sees (TFP's `tf.convert_to_tensor`); "sample" (or
            `tfd.Distribution.sample`) takes another draw; a registered function takes the
            posterior and returns draws of shape (points..., batch..., *event_shape).
        weight: beta, a number of at least 0 or a `kvae.regularizers.Schedule`; None is 1.
        distribution_b: the same as `prior`.
        name: see `Regularizer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(1))
        >>> q = tfd.MultivariateNormalDiag([[1.0], [0.0]], [[1.0], [1.0]])
        >>> float(kl(kvae.contract.Latent(q.mean(), q)))  # the mean of 0.5 and 0 nats
        0.25
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... def ten_draws(posterior):
        ...     return posterior.sample(10)
        >>> kvae.regularizers.KLDivergenceRegularizer(
        ...     kvae.priors.StandardNormal(1), use_exact_kl=False, test_points_fn=ten_draws
        ... )
        KLDivergenceRegularizer(prior='StandardNormal(1)', use_exact_kl=False, weight=1.0)

    References:
        `tfp.layers.KLDivergenceRegularizer` (tensorflow/probability);
        Higgins et al.: beta-VAE, 2017, https://openreview.net/forum?id=Sy2fzU9gl
    """

    default_name = "kl"
    needs_posterior = True

    def __init__(
        self,
        prior: Any = None,
        use_exact_kl: bool = True,
        test_points_reduce_axis: Any = (),
        test_points_fn: Any = None,
        weight: Any = 1.0,
        *,
        distribution_b: Any = None,
        name: str | None = None,
    ):
        super().__init__(1.0 if weight is None else weight, name)
        if prior is not None and distribution_b is not None:
            raise ValueError(
                "Expected prior or its other name distribution_b, not both. Received: "
                f"prior={prior!r}, distribution_b={distribution_b!r}"
            )
        self.prior = priors.get(distribution_b if prior is None else prior)
        self.use_exact_kl = bool(use_exact_kl)
        self.test_points_reduce_axis = _axes(test_points_reduce_axis)
        self.test_points_fn = _test_points(test_points_fn)

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """The prior."""
        return (self.prior,)

    @property
    def is_kl(self) -> bool:
        """Always true."""
        return True

    @property
    def is_plain_kl(self) -> bool:
        """Whether the penalty is the KL itself: not bounded, not compared with a capacity."""
        return type(self).values is KLDivergenceRegularizer.values

    def term(self, latent: Latent, batch: Batch, prefix: str = "") -> Term:
        """Return the term of the loss; without a weight it is the plain KL, for the logs."""
        if self.is_off:
            return Term(f"{prefix}{self.name}", self.divergence(latent), 0.0)
        return super().term(latent, batch, prefix)

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return KL(posterior || prior) of each example in nats, shape (B,)."""
        return self.divergence(latent)

    def divergence(self, latent: Latent) -> Any:
        """Return KL(posterior || prior) of each example in nats, shape (B,), computed once."""
        if latent.posterior is None:
            raise ValueError(
                "Expected a latent with a posterior: codes and deterministic encoders have no KL. "
                f"Received: {latent!r}"
            )
        return latent.once(f"divergence {id(self)}", lambda: self._divergence(latent))

    def prior_of(self, latent: Latent) -> Any:
        """Return the prior's distribution: the latent's own for the first KL of its group."""
        first = latent.regularizer.kl_part if latent.regularizer is not None else self
        if latent.prior is not None and first is self:
            return latent.prior
        return self.prior.distribution()

    def _divergence(self, latent: Latent) -> Any:
        posterior, prior = latent.posterior, self.prior_of(latent)
        exact = kl_divergence(posterior, prior) if self.use_exact_kl else None
        if exact is not None:
            return latent.mean_of_draws(exact)
        points = self._points(latent)
        axes = len(points.shape) - len(posterior.batch_shape) - len(posterior.event_shape)
        if axes < 0:
            raise ValueError(
                "Expected test_points_fn to return points of shape (points..., batch..., "
                f"*event_shape). Received: shape {tuple(points.shape)} for a posterior of batch "
                f"shape {posterior.batch_shape}, event shape {posterior.event_shape}"
            )
        return latent.mean_of_draws(mean_over_draws(log_ratio(posterior, prior, points), posterior))

    @property
    def needs_seed(self) -> bool:
        """Whether the test points are drawn anew."""
        return isinstance(self.test_points_fn, str)  # "sample"

    def _points(self, latent: Latent) -> Any:
        if self.test_points_fn is None:
            return latent.value
        if self.needs_seed:
            if latent.seed is None:  # nothing random is asked for, as in `score`
                return latent.value
            return latent.draw(latent.posterior, latent.seed)
        return self.test_points_fn(latent.posterior)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {
            **super().get_config(),
            "prior": keras.saving.serialize_keras_object(self.prior),
            "use_exact_kl": self.use_exact_kl,
            "test_points_reduce_axis": self.test_points_reduce_axis,
            "test_points_fn": keras.saving.serialize_keras_object(self.test_points_fn),
        }

    def _repr_arguments(self) -> dict[str, Any]:
        estimated = {} if self.use_exact_kl else {"use_exact_kl": False}
        return {"prior": self.prior.description(), **estimated, **super()._repr_arguments()}


def _axes(value: Any) -> int | tuple[int, ...] | None:
    """Return None, an int or a sequence of ints in the form that a config holds."""
    try:
        if value is None:
            return None
        if isinstance(value, list | tuple):
            return tuple(operator.index(axis) for axis in value)
        return operator.index(value)
    except TypeError:
        raise ValueError(
            "Expected test_points_reduce_axis to be an int, a sequence of ints or None. Received: "
            f"test_points_reduce_axis={value!r}"
        ) from None


def _test_points(value: Any) -> Any:
    """Return None (the decoder's draw), "sample" or a registered function."""
    if value is None or value is tf.convert_to_tensor:
        return None
    if value == "sample" or getattr(value, "__qualname__", "") == "Distribution.sample":
        return "sample"
    return registered.function("test_points_fn", value, 'None, "sample" or ')
