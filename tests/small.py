"""Models that take no time."""

import numpy as np

import kvae

# Those of a `kvae.VAE`, in its order.
SIGNATURES = (
    *("decode", "encode", "reconstruct", "score", "sample"),
    *("interpolate", "interpolate_spherical"),
)


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


def make_hierarchy(
    latent_shapes=(2, 3),
    event_shape=(8, 8, 1),
    *,
    top=None,
    likelihood=None,
    regularizer=kvae.regularizers.KLDivergenceRegularizer,
    started=True,
    **sizes,
):
    """Return a small hierarchy, uncompiled; convolutional where a latent shape is an image.

    Args:
        latent_shapes: of each layer, the top one first.
        event_shape: of the data.
        top: prior of the top layer, by default a standard normal.
        likelihood: by default a Bernoulli.
        regularizer: makes the regularizer of each layer of its prior.
        started: whether the weights are moved from their start, where many are zero.
        **sizes: of the networks.
    """
    priors = [kvae.priors.GivenNormal(shape) for shape in latent_shapes[1:]]
    priors.insert(0, top or kvae.priors.StandardNormal(latent_shapes[0]))
    posteriors = []
    for prior in priors:
        normal = kvae.layers.MultivariateNormalDiag
        if len(prior.event_shape) > 1:
            normal = kvae.layers.IndependentNormal
        posteriors.append(normal(prior.event_shape, activity_regularizer=regularizer(prior)))
    likelihood = likelihood or kvae.layers.IndependentBernoulli(event_shape)
    if any(len(prior.event_shape) > 1 for prior in priors):
        networks, sizes = kvae.networks.ladder_conv, {"filters": 4, **sizes}
    else:
        networks, sizes = kvae.networks.ladder_mlp, {"width": 8, **sizes}
    model = kvae.HierarchicalVAE(
        posteriors=posteriors,
        likelihood=likelihood,
        **networks(event_shape, latent_shapes, likelihood.params_shape, **sizes),
    )
    if started:
        rng = np.random.default_rng(4)
        for weight in model.trainable_weights:
            weight.assign(weight + 0.03 * rng.normal(size=weight.shape))
    return model


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
