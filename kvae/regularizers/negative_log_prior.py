"""The penalty of a deterministic encoder: -log p(z) of its codes."""

from typing import Any

import keras

from kvae import priors
from kvae.contract import Batch, Latent
from kvae.contract.closed_form import log_prior
from kvae.regularizers.regularizer import Regularizer

__all__ = ["NegativeLogPrior"]


@keras.saving.register_keras_serializable(package="kvae")
class NegativeLogPrior(Regularizer):
    """weight * mean over the batch of -log p(z), in nats: the prior of a deterministic encoder.

    With a standard normal in d dimensions it is |z|^2 / 2 + d / 2 log(2 pi), the penalty of the
    regularized autoencoder (RAE) up to a constant. A deterministic encoder needs one, so that its
    model has a prior to draw from; weight=0.0 leaves it out of the loss.

    Args:
        prior: a `kvae.priors.Prior`; a `tfd` standard normal is accepted as well.
        weight: a number of at least 0 or a schedule.
        name: see `Regularizer`.

    Example:
        >>> penalty = kvae.regularizers.NegativeLogPrior(kvae.priors.StandardNormal(2))
        >>> latent = kvae.contract.Latent(tf.constant([[1.0, 1.0]]))
        >>> round(float(penalty(latent)), 4)  # 1 + log 2 pi
        2.8379

    References:
        Ghosh et al.: From Variational to Deterministic Autoencoders, 2020, section 3,
        https://arxiv.org/abs/1903.12436
    """

    names_prior = True

    def __init__(self, prior: Any, weight: Any = 1.0, name: str | None = None):
        super().__init__(weight, name)
        self.prior = priors.get(prior)

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """The prior."""
        return (self.prior,)

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return -log p(z) of each example in nats, shape (B,)."""
        parts = latent.regularizer.parts if latent.regularizer is not None else ()
        first = next((part for part in parts if part.is_kl or part.names_prior), None)
        # The latent's prior knows the condition; it is that of the part that names it.
        named = first is self and latent.prior is not None
        prior = latent.prior if named else self.prior.distribution()
        return -log_prior(prior, latent.value)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {**super().get_config(), "prior": keras.saving.serialize_keras_object(self.prior)}

    def _repr_arguments(self) -> dict[str, Any]:
        return {"prior": self.prior.description(), **super()._repr_arguments()}
