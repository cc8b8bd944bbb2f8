"""Codes: quantizers, priors over codes, and models of both."""

import kvae
from tests.conformance.case import CodePriorCase, ModelCase, PlainLayerCase

layers, networks, priors = kvae.layers, kvae.networks, kvae.priors


def make_quantized(quantizer=None, prior=None, shape=(8, 8, 1)):
    """Return a small QuantizedVAE over a (2, 2) grid."""
    quantizer = quantizer or layers.VectorQuantizer(6, 3)
    likelihood = layers.IndependentBernoulli(shape)
    return kvae.QuantizedVAE(
        networks.grid_encoder(shape, quantizer.dim, filters=(4, 4)),
        quantizer,
        networks.grid_decoder((2, 2, quantizer.dim), likelihood.params_shape, filters=(4, 4)),
        likelihood,
        prior,
    )


def images(rng, n):
    return rng.uniform(size=(n, 8, 8, 1))


def vectors(rng, n):
    return rng.normal(size=(n, 2, 2, 3))


CASES = [
    PlainLayerCase(lambda **kw: layers.VectorQuantizer(6, 3, restart=0.1, **kw), vectors),
    PlainLayerCase(lambda **kw: layers.FiniteScalarQuantizer([4, 3, 2], **kw), vectors),
    CodePriorCase(lambda **kw: priors.UniformCodes((2, 2), 3, **kw)),
    CodePriorCase(
        lambda **kw: priors.AutoregressiveCodes((2, 2), 3, 8, 4, fitted=True, **kw),
    ),
    ModelCase(make_quantized, images),
    ModelCase(
        lambda: make_quantized(
            layers.FiniteScalarQuantizer([3, 2]), priors.AutoregressiveCodes((2, 2), 6, 8, 4)
        ),
        images,
        variant="finite-scalar",
    ),
]
