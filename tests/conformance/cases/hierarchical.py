"""Hierarchies of latent variables."""

import kvae
from tests.conformance.case import ModelCase
from tests.small import make_hierarchy

regularizers = kvae.regularizers


def free_bits(prior):
    return regularizers.FreeBits(prior, 0.05)


CASES = [
    ModelCase(
        make_hierarchy,
        lambda rng, n: rng.uniform(size=(n, 8, 8, 1)),
    ),
    ModelCase(
        lambda: make_hierarchy(
            (3, (2, 2, 2), (4, 3, 1)),
            (7, 5, 3),
            likelihood=kvae.layers.IndependentNormal((7, 5, 3)),
            regularizer=free_bits,
        ),
        lambda rng, n: rng.normal(size=(n, 7, 5, 3)),
        variant="conv",
    ),
    ModelCase(
        lambda: make_hierarchy((2, 2, 3), (6,), top=kvae.priors.VampPrior(2, 6, 3)),
        lambda rng, n: rng.uniform(size=(n, 6)),
        variant="vamp",
    ),
]
