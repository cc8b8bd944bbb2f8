"""The deterministic encoder: a posterior that is one point."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.contract import Latent
from kvae.layers.vector_layer import VectorLayer

__all__ = ["Deterministic"]


@keras.saving.register_keras_serializable(package="kvae")
class Deterministic(VectorLayer):
    """z = f(x): the encoder's output is the code, without noise. It makes a `VAE` an autoencoder.

    There is no KL, and so no ELBO: `kl` and `elbo` are not reported, and what needs the density
    q(z|x) is refused. In place of the KL a `kvae.regularizers.NegativeLogPrior` names the prior,
    with weight=0.0 where training shall not see it. `score` is -log p(x, z) at the code, in nats.
    Params are the d elements of z.

    Args:
        event_size: int d, the number of latent dimensions.
        convert_to_tensor_fn: accepted as in other layers, without effect.
        validate_args: see `DistributionLayer`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If a regularizer needs a posterior with a density, such as a KL.

    Example:
        >>> prior = kvae.priors.StandardNormal(2)
        >>> penalty = kvae.regularizers.NegativeLogPrior(prior, weight=0.01)
        >>> encoded = kvae.layers.Deterministic(2, activity_regularizer=penalty)
        >>> encoded.params_size
        2

    References:
        Ghosh et al.: From Variational to Deterministic Autoencoders, 2020,
        https://arxiv.org/abs/1903.12436
    """

    same_draws_with_xla = True

    def __init__(
        self,
        event_size: Any,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_size, convert_to_tensor_fn, validate_args, **kwargs)
        parts = self.regularizer.parts if self.regularizer is not None else ()
        refused = [part for part in parts if part.needs_posterior]
        if refused:
            raise ValueError(
                "Expected regularizers of the codes alone: a deterministic encoder has no density "
                "q(z|x) and no KL. Name the prior by kvae.regularizers.NegativeLogPrior(prior, "
                f"weight=...). Received: {refused[0]!r}"
            )

    @property
    def prior_part(self) -> Any | None:
        """The regularizer that names the prior."""
        parts = self.regularizer.parts if self.regularizer is not None else ()
        return next((part for part in parts if part.names_prior), None)

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.VectorDeterministic`, a point."""
        return tfd.VectorDeterministic(params, validate_args=self.validate_args)

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return the point, K times where `draws` is K."""
        point = distribution.loc
        return point if draws is None else tf.repeat(point[tf.newaxis], draws, axis=0)

    def latent(
        self,
        distribution: Any,
        value: Any,
        condition: Any = None,
        seed: Any = None,
        params: Any = None,
        prior: Any = None,
    ) -> Latent:
        """Return the latent group of a code, which has no posterior."""
        prior = self.prior_at(condition) if prior is None else prior
        return Latent(value, prior=prior, regularizer=self.regularizer, seed=seed)

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `z`, (batch..., d)."""
        return {"z": self.check_params(params)}
