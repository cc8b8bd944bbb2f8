"""Maps between raw data and what a likelihood describes."""

from kvae import transforms
from tests.conformance.case import PlainLayerCase


def amounts(rng, n):
    return rng.gamma(2.0, size=(n, 3))


CASES = [
    PlainLayerCase(
        lambda **kw: transforms.Chain(
            [transforms.Log(), transforms.Standardization(1.0, 2.0)], **kw
        ),
        amounts,
    ),
    PlainLayerCase(lambda **kw: transforms.Arcsinh([1.0] * 3, [2.0] * 3, **kw), amounts),
    PlainLayerCase(lambda **kw: transforms.Log(0.5, **kw), amounts),
    PlainLayerCase(lambda **kw: transforms.Logit(0.0, 100.0, **kw), amounts),
    PlainLayerCase(
        lambda **kw: transforms.Pixels(4, **kw), lambda rng, n: rng.integers(16, size=(n, 4, 4, 1))
    ),
    PlainLayerCase(lambda **kw: transforms.Rescaling(2.0, -1.0, **kw), amounts),
    PlainLayerCase(
        lambda **kw: transforms.Standardization([1.0, 2.0, 3.0], [1.0, 0.5, 2.0], **kw), amounts
    ),
    PlainLayerCase(lambda **kw: transforms.Standardization(**kw), amounts, variant="to-be-adapted"),
]
