"""The models of the quality record; each builder takes the training data and the KL's weight."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import kvae

# Makes a prior: make(latent_dim, training data).
MakePrior = Callable[[int, np.ndarray], Any]


def standard(latent_dim: int, x: np.ndarray) -> Any:
    """Return a standard normal prior."""
    return kvae.priors.StandardNormal(latent_dim)


def flow(latent_dim: int, x: np.ndarray) -> Any:
    """Return a RealNVP prior."""
    return kvae.priors.Flow(latent_dim, num_steps=8, hidden=(128, 128))


def vamp(components: int) -> MakePrior:
    """Return a function that makes a VampPrior which starts at examples."""

    def make(latent_dim: int, x: np.ndarray) -> Any:
        components_here = min(components, len(x))
        prior = kvae.priors.VampPrior(latent_dim, x.shape[1:], num_components=components_here)
        prior.adapt(x)
        return prior

    return make


def _vae(
    x: np.ndarray, weight: Any, latent_dim: int, make_prior: MakePrior, encoder: Any, decoder: Any
) -> kvae.VAE:
    prior = make_prior(latent_dim, x)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior, weight=weight)
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(x.shape[1:])
    return kvae.VAE(
        encoder=encoder(x.shape[1:], posterior.params_size),
        posterior=posterior,
        decoder=decoder(latent_dim, likelihood.params_shape),
        likelihood=likelihood,
    )


def dense(
    x: np.ndarray,
    weight: Any,
    prior: MakePrior = standard,
    latent_dim: int = 40,
    hidden: Sequence[int] = (300, 300),
    gated: bool = True,
    activation: str = "relu",
) -> kvae.VAE:
    """Return a VAE of dense networks."""
    given = {"gated": gated, "activation": activation}
    return _vae(
        x,
        weight,
        latent_dim,
        prior,
        lambda *sizes: kvae.networks.mlp_encoder(*sizes, hidden=hidden, **given),
        lambda *sizes: kvae.networks.mlp_decoder(*sizes, hidden=hidden[::-1], **given),
    )


def convolutional(
    x: np.ndarray, weight: Any, prior: MakePrior = flow, latent_dim: int = 32
) -> kvae.VAE:
    """Return a VAE of kvae's default convolutional networks."""
    return _vae(
        x, weight, latent_dim, prior, kvae.networks.conv_encoder, kvae.networks.conv_decoder
    )


def _hierarchy(
    x: np.ndarray, weight: Any, top: Any, lower: Sequence[Any], networks: Any
) -> kvae.HierarchicalVAE:
    """Return a hierarchy; `top` is the prior of its vector, `lower` the shapes of the others."""
    priors = [top, *map(kvae.priors.GivenNormal, lower)]
    kls = [kvae.regularizers.KLDivergenceRegularizer(prior, weight=weight) for prior in priors]
    posteriors = [kvae.layers.MultivariateNormalDiag(top.latent_dim, activity_regularizer=kls[0])]
    posteriors += [
        kvae.layers.IndependentNormal(shape, activity_regularizer=kl)
        for shape, kl in zip(lower, kls[1:], strict=True)
    ]
    likelihood = kvae.layers.IndependentBernoulli(x.shape[1:])
    shapes = (x.shape[1:], [top.latent_dim, *lower], likelihood.params_shape)
    return kvae.HierarchicalVAE(posteriors=posteriors, likelihood=likelihood, **networks(*shapes))


def two_layers(
    x: np.ndarray, weight: Any, prior: MakePrior, latent_dim: int = 40, width: int = 300
) -> kvae.HierarchicalVAE:
    """Return a dense hierarchy of two vectors of the same size."""
    networks = functools.partial(kvae.networks.ladder_mlp, width=width)
    return _hierarchy(x, weight, prior(latent_dim, x), [latent_dim], networks)


def ladder(
    x: np.ndarray,
    weight: Any,
    latent_shapes: Sequence[Any] = (16, (7, 7, 4), (14, 14, 2)),
    filters: int = 32,
) -> kvae.HierarchicalVAE:
    """Return a convolutional hierarchy, the top layer a vector."""
    top, *lower = latent_shapes
    networks = functools.partial(kvae.networks.ladder_conv, filters=filters)
    return _hierarchy(x, weight, kvae.priors.StandardNormal(top), lower, networks)
