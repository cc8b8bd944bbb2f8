"""Conditions, the prior that reads one, and models with one."""

import numpy as np

import kvae
from tests.conformance.case import ConditionalPriorCase, ConditionCase, ModelCase
from tests.small import make_conditional

conditions = kvae.conditions


def standardized(**kwargs):
    """Return three numbers with given moments."""
    moments = kvae.transforms.Standardization([1.0, 2.0, 3.0], [2.0, 1.0, 1.0])
    return conditions.Numbers(3, moments, **kwargs)


def images(raw):
    """Return examples with classes or numbers made of ten of them."""
    return lambda rng, n: {"x": rng.uniform(size=(n, 8, 8, 1)), "condition": raw(rng, n)}


def ten(rng, n):
    return rng.integers(10, size=n)


CASES = [
    ConditionCase(lambda **kw: conditions.Classes(10, **kw), ten, 10),
    ConditionCase(
        lambda **kw: conditions.Classes([3, 5], embedding_dim=4, **kw),
        lambda rng, n: rng.integers([3, 5], size=(n, 2)),
        (3, 0),
        variant="embedded-columns",
    ),
    ConditionCase(standardized, lambda rng, n: rng.normal(size=(n, 3)), (0.0, 0.0, np.inf)),
    ConditionCase(
        lambda **kw: conditions.Numbers(
            transform=kvae.transforms.Chain(
                [kvae.transforms.Log(), kvae.transforms.Standardization(0.0, 2.0)]
            ),
            **kw,
        ),
        lambda rng, n: rng.lognormal(size=n),
        -1.0,
        variant="one-log",
    ),
    ConditionCase(
        lambda **kw: conditions.Vectors(6, **kw),
        lambda rng, n: rng.normal(size=(n, 6)),
        (np.inf,) * 6,
    ),
    ConditionalPriorCase(lambda **kw: kvae.priors.ConditionalNormal(3, 4, **kw)),
    ConditionalPriorCase(
        lambda **kw: kvae.priors.ConditionalNormal(3, 4, hidden=(), **kw), variant="linear"
    ),
    ModelCase(
        lambda: make_conditional(condition=conditions.Classes(10, drop=0.3)),
        images(ten),
    ),
    ModelCase(
        lambda: make_conditional(
            condition=standardized(drop=0.3),
            prior=kvae.priors.ConditionalNormal(2, 6, hidden=(5,)),
            networks="conv",
        ),
        images(lambda rng, n: rng.normal(size=(n, 3))),
        variant="conv-numbers-prior",
    ),
    ModelCase(
        lambda: make_conditional(prior=kvae.priors.ConditionalNormal(2, 10)).given(3),
        lambda rng, n: rng.uniform(size=(n, 8, 8, 1)),
    ),
]
