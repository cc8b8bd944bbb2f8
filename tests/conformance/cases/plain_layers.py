"""Layers that make no distribution."""

import kvae
from tests.conformance.case import PlainLayerCase

layers, networks, priors = kvae.layers, kvae.networks, kvae.priors


def normals(*shape):
    return lambda rng, n: rng.normal(size=(n, *shape))


CASES = [
    PlainLayerCase(
        lambda **kw: layers.KLDivergenceAddLoss(
            priors.GaussianMixture(2, 3),
            weight=kvae.regularizers.schedules.Linear(10, 0.1, 0.9),
            posterior=layers.MultivariateNormalTriL(2),
            **kw,
        ),
        normals(5),
    ),
    PlainLayerCase(  # a point has no density for the battery of distribution layers
        lambda **kw: layers.Deterministic(
            3,
            activity_regularizer=kvae.regularizers.NegativeLogPrior(priors.GaussianMixture(3, 2)),
            **kw,
        ),
        normals(3),
    ),
    PlainLayerCase(lambda **kw: layers.LearnedScale(initial=0.5, **kw), normals(3)),
    PlainLayerCase(
        lambda **kw: layers.LearnedScale(shared=False, min_scale=0.1, **kw),
        normals(3),
        variant="per-element",
    ),
    PlainLayerCase(lambda **kw: layers.ModulatedScale(strength=0.5, **kw), normals(4)),
    PlainLayerCase(lambda **kw: networks.MADE(3, 2, (8,), reverse=True, **kw), normals(3)),
    PlainLayerCase(lambda **kw: networks.TableInputs(["number", 3, "count"], **kw), normals(3)),
]
