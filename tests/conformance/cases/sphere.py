"""The power spherical posterior and the uniform prior on the sphere."""

import numpy as np

import kvae
from tests.conformance.case import LayerCase, ModelCase, PriorCase
from tests.small import make_vae

layers, priors = kvae.layers, kvae.priors


def power_spherical(**kwargs):
    return layers.PowerSpherical(3, **kwargs)


def directions(rng, n):
    z = rng.normal(size=(n, 3))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


CASES = [
    LayerCase(power_spherical, directions, size_args=(3,), equal_blocks=False),
    PriorCase(
        lambda **kw: priors.UniformSphere(3, **kw), posterior=power_spherical, values=directions
    ),
    ModelCase(
        lambda: make_vae(
            6,
            3,
            posterior=power_spherical(
                activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(
                    priors.UniformSphere(3)
                )
            ),
        ),
        lambda rng, n: rng.uniform(size=(n, 6)),
        variant="sphere",
    ),
    # No case of the KL itself: it depends on the concentration alone, so that no gradient reaches
    # the direction. The prior's case goes through it.
]
