"""Models."""

import numpy as np

import kvae
from tests.conformance.case import ModelCase
from tests.small import kl, make_vae

CASES = [
    ModelCase(make_vae, lambda rng, n: rng.uniform(size=(n, 8, 8, 1))),
    ModelCase(
        lambda: make_vae(
            (7, 5, 3), 3, networks="conv", likelihood=kvae.layers.IndependentNormal((7, 5, 3))
        ),
        lambda rng, n: rng.normal(size=(n, 7, 5, 3)),
        variant="conv-normal",
    ),
    ModelCase(
        lambda: make_vae(
            6,
            2,
            posterior=kvae.layers.MultivariateNormalTriL(
                2,
                activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(
                    kvae.priors.StandardNormal(2)
                ),
            ),
        ),
        lambda rng, n: rng.uniform(size=(n, 6)),
        variant="flat-tril",
    ),
    ModelCase(
        lambda: make_vae(
            6,
            2,
            likelihood=kvae.layers.Transformed(
                kvae.layers.IndependentNormal(6, min_scale=0.1),
                kvae.transforms.Standardization([9.0] * 6, [2.0] * 6),
            ),
        ),
        lambda rng, n: rng.normal(9.0, 2.0, size=(n, 6)),
        variant="standardized",
    ),
    ModelCase(
        lambda: make_vae(
            6,
            2,
            posterior=kvae.layers.Deterministic(
                2,
                activity_regularizer=kvae.regularizers.NegativeLogPrior(
                    kvae.priors.StandardNormal(2), weight=0.1
                ),
            ),
        ),
        lambda rng, n: rng.uniform(size=(n, 6)),
        variant="autoencoder",
    ),
    ModelCase(
        lambda: kvae.FactorVAE(**make_vae(6, 3).parts(), gamma=2.0, discriminator_units=8),
        lambda rng, n: rng.uniform(size=(n, 6)),
        variant="factor",
    ),
    ModelCase(
        lambda: kvae.PairVAE(**make_vae(6, 3).parts(), changed=1),
        lambda rng, n: dict(zip(("x", "pair"), rng.uniform(size=(2, n, 6)), strict=True)),
    ),
    ModelCase(
        lambda: kvae.VAE(
            kvae.networks.mlp_encoder(12, 4, (16,)),
            kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl()),
            kvae.networks.mlp_decoder(2, (12,), (16,)),
            kvae.layers.IndependentNormal(6, min_scale=0.1),
            missing=True,
        ),
        lambda rng, n: np.where(rng.uniform(size=(n, 6)) < 0.3, np.nan, rng.normal(size=(n, 6))),
        variant="missing",
    ),
]
