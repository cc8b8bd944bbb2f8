"""Models that take no time."""

import numpy as np

import kvae


def kl(latent_dim=2, weight=1.0):
    """Return the KL to a standard normal."""
    prior = kvae.priors.StandardNormal(latent_dim)
    return kvae.regularizers.KLDivergenceRegularizer(prior, weight=weight)


def make_vae(
    event_shape=(8, 8, 1),
    latent_dim=2,
    *,
    posterior=None,
    likelihood=None,
    networks="mlp",
    weight=1.0,
    **posterior_arguments,
):
    """Return a small VAE, uncompiled."""
    size = {"hidden": (16,)} if networks == "mlp" else {"filters": (4, 4), "dense": 16}
    if posterior is None:
        posterior = kvae.layers.MultivariateNormalDiag(
            latent_dim, activity_regularizer=kl(latent_dim, weight), **posterior_arguments
        )
    likelihood = likelihood or kvae.layers.IndependentBernoulli(event_shape)
    encoder = getattr(kvae.networks, f"{networks}_encoder")
    decoder = getattr(kvae.networks, f"{networks}_decoder")
    return kvae.VAE(
        encoder=encoder(event_shape, posterior.params_size, **size),
        posterior=posterior,
        decoder=decoder(latent_dim, likelihood.params_shape, **size),
        likelihood=likelihood,
    )


def make_conditional(
    event_shape=(8, 8, 1),
    latent_dim=2,
    *,
    condition=None,
    prior=None,
    likelihood=None,
    networks="mlp",
    hidden=(16,),
    **posterior_arguments,
):
    """Return a small conditional VAE, uncompiled; by default of ten classes."""
    size = {"hidden": hidden} if networks == "mlp" else {"filters": (4, 4), "dense": 16}
    condition = condition or kvae.conditions.Classes(10)
    prior = prior or kvae.priors.StandardNormal(latent_dim)
    posterior = kvae.layers.MultivariateNormalDiag(
        latent_dim,
        activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(prior),
        **posterior_arguments,
    )
    likelihood = likelihood or kvae.layers.IndependentBernoulli(event_shape)
    size["condition_dim"] = condition.size
    encoder = getattr(kvae.networks, f"{networks}_encoder")
    decoder = getattr(kvae.networks, f"{networks}_decoder")
    return kvae.ConditionalVAE(
        encoder=encoder(event_shape, posterior.params_size, **size),
        posterior=posterior,
        decoder=decoder(latent_dim, likelihood.params_shape, **size),
        likelihood=likelihood,
        condition=condition,
    )


def narrow(vae):
    """Give the posterior of a VAE with mlp networks a standard deviation of 2e-9.

    A draw is then the mean to float32: nothing is left to chance, in training as well.
    """
    dense = vae.encoder.get_layer("encoder_params")
    kernel, bias = np.array(dense.kernel), np.array(dense.bias)
    kernel[:, vae.latent_dim :] = 0.0
    bias[vae.latent_dim :] = -20.0
    dense.kernel.assign(kernel)
    dense.bias.assign(bias)
    return vae
