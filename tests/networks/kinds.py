"""Every kind of encoder and decoder, small, with the shape of its data."""

from functools import partial

import kvae

networks = kvae.networks
PARAMS, LATENT = 4, 2
PICTURE = {"filters": (8, 16), "dense": 16}
TABLE = {"width": 16}
SEQUENCE = {"filters": (8, 16), "units": 8}

# Name: shape of an example, encoder, decoder.
KINDS = {
    "residual": (
        (13, 9, 3),
        partial(networks.residual_encoder, **PICTURE),
        partial(networks.residual_decoder, **PICTURE),
    ),
    "sequence_conv": (
        (11, 3),
        partial(networks.sequence_encoder, **SEQUENCE),
        partial(networks.sequence_decoder, **SEQUENCE),
    ),
    "sequence_gru": (
        (6, 3),
        partial(networks.sequence_encoder, kind="gru", **SEQUENCE),
        partial(networks.sequence_decoder, kind="gru", **SEQUENCE),
    ),
    "residual_mlp": (
        (7,),
        partial(networks.residual_mlp_encoder, gated=False, **TABLE),
        partial(networks.residual_mlp_decoder, gated=False, **TABLE),
    ),
    "gated": (
        (7,),
        partial(networks.residual_mlp_encoder, **TABLE),
        partial(networks.residual_mlp_decoder, **TABLE),
    ),
    "gated_mlp": (
        (4, 4, 1),
        partial(networks.mlp_encoder, hidden=(8, 6), gated=True),
        partial(networks.mlp_decoder, hidden=(6, 8), gated=True),
    ),
}


def pair(kind, **more):
    """Return the shape of the data, an encoder and a decoder."""
    shape, encoder, decoder = KINDS[kind]
    return shape, encoder(shape, PARAMS, **more), decoder(LATENT, shape, **more)


def make_vae(kind):
    """Return an uncompiled VAE with two latent dimensions."""
    shape, encoder, decoder = pair(kind)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT))
    return kvae.VAE(
        encoder=encoder,
        posterior=kvae.layers.MultivariateNormalDiag(LATENT, activity_regularizer=kl),
        decoder=decoder,
        likelihood=kvae.layers.IndependentBernoulli(shape),
    )
