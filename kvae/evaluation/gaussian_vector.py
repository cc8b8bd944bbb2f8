"""The view of a model that diagnosis, exploration and evaluation use.

They analyse models with one latent vector. `one_latent_vector` and `one_gaussian_vector` check
this once and return a `LatentVector`; apart from it, these packages use only the public array
methods of a model (`encode`, `decode`, `reconstruct`, `sample`, `elbo`).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae.layers import MultivariateNormalDiag, Support
from kvae.models.latent_model import LatentModel
from kvae.priors import StandardNormal

__all__ = ["LatentVector", "one_gaussian_vector", "one_latent_vector"]


@dataclass(frozen=True, eq=False)
class LatentVector:
    """A model with one latent vector z: p(x, z) = p(x|z) p(z), q(z|x).

    Attributes:
        latent_dim: number of latent dimensions.
        event_shape: shape of one example.
        support: values that an example may have.
        standard_normal_prior: whether p(z) is a standard normal.
        diagonal_posterior: whether q(z|x) is a normal with independent dimensions.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_gaussian_vector
        >>> vector = one_gaussian_vector(vae)
        >>> vector.latent_dim, vector.event_shape, vector.standard_normal_prior
        (2, (8, 8, 1), True)
        >>> vector.mean(np.zeros((3, 2), "float32")).shape
        TensorShape([3, 8, 8, 1])
    """

    latent_dim: int
    event_shape: tuple[int, ...]
    support: Support
    standard_normal_prior: bool
    diagonal_posterior: bool
    _model: LatentModel

    def posterior(self, x: Any) -> Any:
        """Return q(z|x), batch shape (batch,), event shape (latent_dim,)."""
        return self._model.posterior(x)

    def likelihood(self, z: Any) -> Any:
        """Return p(x|z), batch shape (batch,), event shape `event_shape`."""
        return self._model.likelihood(z)

    def mean(self, z: Any) -> Any:
        """Return the likelihood's mean at `z`, a tensor (batch, *event_shape)."""
        return self._model.likelihood_layer.mean(self._model.decoder(z, training=False))

    def prior(self) -> Any:
        """Return p(z), batch shape (), event shape (latent_dim,)."""
        return self._model.prior.distribution()

    def check(self, x: Any) -> np.ndarray:
        """Return `x` as an array; raise if it does not hold examples of this model."""
        return self._model.expected_targets().check_array(x)


def one_latent_vector(model: Any) -> LatentVector:
    """Return the view of a built model with one latent vector.

    Args:
        model: a `kvae.VAE`.

    Raises:
        ValueError: If `model` is not such a model. The message says what is needed.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_latent_vector
        >>> one_latent_vector(vae).latent_dim
        2
    """
    if not isinstance(model, LatentModel):
        received = repr(model)
        hint = ""
        if isinstance(model, keras.Model):
            received = f"a {type(model).__name__} model"
            hint = (
                " Assemble one from the parts of your model: kvae.VAE(encoder=..., posterior=..., "
                "decoder=..., likelihood=...), where encoder returns the parameters of the "
                "distribution layer posterior, and decoder those of likelihood"
            )
        raise ValueError(f"Expected vae to be a kvae.VAE. Received: {received:.200}.{hint}")
    if not model.built:
        raise ValueError(
            f"Expected vae to be built. Received: {model.name!r}, whose encoder has no input "
            "shape yet; call vae.build((None, *event_shape)) first"
        )
    return LatentVector(
        latent_dim=model.latent_dim,
        event_shape=tuple(model.likelihood_layer.event_shape),
        support=model.likelihood_layer.support,
        standard_normal_prior=isinstance(model.prior, StandardNormal),
        diagonal_posterior=isinstance(model.posterior_layer, MultivariateNormalDiag),
        _model=model,
    )


def one_gaussian_vector(model: Any) -> LatentVector:
    """Return the view of a built model whose posterior has a mean and a standard deviation.

    The analyses that use it treat the posterior as a normal with these moments.

    Args:
        model: a `kvae.VAE`.

    Raises:
        ValueError: If `model` is not such a model. The message says what is needed.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_gaussian_vector
        >>> one_gaussian_vector(vae).diagonal_posterior
        True
    """
    vector = one_latent_vector(model)
    layer = model.posterior_layer
    posterior = layer.distribution(tf.zeros((1, *layer.params_shape), layer.compute_dtype))
    try:
        posterior.mean()
        posterior.stddev()
    except NotImplementedError:
        raise ValueError(
            "Expected vae to have a posterior with a mean and a standard deviation, such as "
            f"kvae.layers.MultivariateNormalDiag. Received: {type(layer).__name__}"
        ) from None
    return vector
