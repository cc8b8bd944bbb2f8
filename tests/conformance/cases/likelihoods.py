"""Likelihoods that TFP has no layers for: outliers, bounded data, classes, pixels, counts, rows."""

import numpy as np

import kvae
from tests.conformance.case import LayerCase

layers = kvae.layers


def normals(*shape):
    return lambda rng, n: rng.normal(size=(n, *shape))


def uniforms(*shape):
    return lambda rng, n: rng.uniform(size=(n, *shape))


def counts(*shape):
    return lambda rng, n: rng.poisson(2.0, size=(n, *shape))


def whole(high, *shape):
    return lambda rng, n: rng.integers(high, size=(n, *shape))


def pixels(levels, *shape):
    return lambda rng, n: rng.integers(levels, size=(n, *shape)) / (levels - 1)


def columns(**kwargs):
    return layers.Columns(
        [
            layers.IndependentNormal((), name="normal"),
            layers.IndependentCategorical((), 4, name="class"),
            layers.IndependentNegativeBinomial((), name="count"),
            layers.IndependentBeta((), name="share"),
        ],
        **kwargs,
    )


def blocks(**kwargs):
    return layers.Columns(
        [
            layers.IndependentNormal(2, name="normals"),
            layers.IndependentCategorical(1, 4, name="classes"),
        ],
        places=[[0, 2], [1]],
        names=["a", "class", "b"],
        **kwargs,
    )


def block_rows(rng, n):
    return np.stack([rng.normal(size=n), rng.integers(4, size=n), rng.normal(size=n)], axis=1)


def rows(rng, n):
    return np.stack(
        [
            rng.normal(size=n),
            rng.integers(4, size=n),
            rng.poisson(2.0, size=n),
            rng.uniform(size=n),
        ],
        axis=1,
    )


CASES = [
    LayerCase(lambda **kw: layers.IndependentLaplace(3, **kw), normals(3), size_args=(3,)),
    LayerCase(
        lambda **kw: layers.IndependentLaplace((4, 3, 2), **kw), normals(4, 3, 2), variant="image"
    ),
    LayerCase(lambda **kw: layers.IndependentStudentT(3, **kw), normals(3), size_args=(3,)),
    LayerCase(
        lambda **kw: layers.IndependentStudentT((4, 3, 2), df=4.0, **kw),
        normals(4, 3, 2),
        variant="fixed-df",
        size_args=((4, 3, 2), 4.0),
    ),
    LayerCase(
        lambda **kw: layers.NormalLikelihood((4, 3, 2), scale=0.5, **kw),
        normals(4, 3, 2),
        size_args=((4, 3, 2),),
    ),
    LayerCase(
        lambda **kw: layers.ContinuousBernoulli((4, 3, 2), **kw),
        uniforms(4, 3, 2),
        size_args=((4, 3, 2),),
    ),
    LayerCase(lambda **kw: layers.IndependentBeta(3, **kw), uniforms(3), size_args=(3,)),
    LayerCase(
        lambda **kw: layers.IndependentBeta((4, 3, 2), **kw), uniforms(4, 3, 2), variant="image"
    ),
    LayerCase(
        lambda **kw: layers.IndependentCategorical(3, num_classes=4, **kw),
        whole(4, 3),
        size_args=(3, 4),
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.IndependentCategorical((4, 3, 2), num_classes=5, **kw),
        whole(5, 4, 3, 2),
        variant="image",
        output="mode",
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.DiscretizedLogistic((4, 3, 2), **kw),
        pixels(256, 4, 3, 2),
        size_args=((4, 3, 2),),
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.DiscretizedLogistic(3, levels=17, **kw),
        pixels(17, 3),
        variant="flat",
        size_args=(3, 17),
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.MixtureDiscretizedLogistic(3, (4, 3, 2), **kw),
        pixels(256, 4, 3, 2),
        size_args=(3, (4, 3, 2)),
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.IndependentNegativeBinomial((4, 3, 2), **kw),
        counts(4, 3, 2),
        size_args=((4, 3, 2),),
        reparameterized=False,
    ),
    LayerCase(
        lambda **kw: layers.ZeroInflatedNegativeBinomial((4, 3, 2), **kw),
        counts(4, 3, 2),
        size_args=((4, 3, 2),),
        reparameterized=False,
    ),
    LayerCase(columns, rows, reparameterized=False, equal_blocks=False),
    LayerCase(blocks, block_rows, variant="blocks", reparameterized=False, equal_blocks=False),
    LayerCase(
        lambda **kw: layers.Transformed(
            layers.IndependentNormal(3),
            kvae.transforms.Standardization([100.0, 0.0, -3.0], [9.0, 0.1, 1.0]),
            **kw,
        ),
        lambda rng, n: rng.normal([100.0, 0.0, -3.0], [9.0, 0.1, 1.0], size=(n, 3)),
    ),
    LayerCase(
        lambda **kw: layers.Transformed(
            layers.IndependentLaplace((4, 3, 2)),
            kvae.transforms.Chain(
                [kvae.transforms.Log(), kvae.transforms.Standardization(0.5, 0.5)]
            ),
            **kw,
        ),
        lambda rng, n: rng.gamma(2.0, size=(n, 4, 3, 2)),
        variant="log",
        output="median",
    ),
    LayerCase(
        lambda **kw: layers.Transformed(
            layers.DiscretizedLogistic((4, 3, 2)), kvae.transforms.Pixels(), **kw
        ),
        whole(256, 4, 3, 2),
        variant="pixels",
        reparameterized=False,
    ),
]
