"""Learned priors, the flow posterior, and penalties other than the plain KL."""

import functools

import keras
import numpy as np

import kvae
from tests.conformance.case import LayerCase, ModelCase, PriorCase, RegularizerCase
from tests.small import make_vae

layers, priors, regularizers = kvae.layers, kvae.priors, kvae.regularizers


def bind(prior):
    """Give a VampPrior posteriors that need no model: two numbers for each pseudo-input."""
    posterior = layers.MultivariateNormalDiag(3)
    kernel = np.random.default_rng(8).normal(size=(4, 6)).astype("float32")
    prior.bind(lambda x: posterior.distribution(x @ kernel))
    return prior


def vae_with(prior, posterior=layers.MultivariateNormalDiag, **kwargs):
    kl = regularizers.KLDivergenceRegularizer(prior)
    return make_vae(posterior=posterior(2, activity_regularizer=kl, **kwargs))


def images(rng, n):
    return rng.uniform(size=(n, 8, 8, 1))


@functools.cache
def fitted():
    """Return a model of `fit_prior`, the same in every process; made once, it takes a second."""
    model, rng = make_vae(), np.random.default_rng(4)
    model.set_weights([rng.normal(scale=0.2, size=weight.shape) for weight in model.weights])
    x = images(rng, 64).astype("float32")
    return model.fit_prior(x, priors.GaussianMixture(2, num_components=3), draws=2)


def copy_of(model):
    """Return a model of the same configuration and weights."""
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    again.set_weights(model.get_weights())
    return again


WARM_UP = regularizers.schedules.Linear(10, 0.1, 0.9)

CASES = [
    LayerCase(
        lambda **kw: layers.InverseAutoregressiveFlow(3, hidden=(8,), **kw),
        lambda rng, n: rng.normal(size=(n, 3)),
        size_args=(3,),
        equal_blocks=False,
    ),
    PriorCase(lambda **kw: priors.GaussianMixture(3, 4, **kw)),
    PriorCase(lambda **kw: priors.Flow(3, 2, (8,), **kw)),
    PriorCase(lambda **kw: priors.Affine(priors.GaussianMixture(3, 4), **kw)),
    PriorCase(lambda **kw: bind(priors.VampPrior(3, 4, 5, **kw)), bind=bind),
    PriorCase(
        lambda **kw: priors.GaussianMixture(3, 4, **kw),
        variant="under-flow",
        posterior=lambda **kw: layers.InverseAutoregressiveFlow(3, hidden=(8,), **kw),
    ),
    RegularizerCase(
        lambda: regularizers.KLDivergenceRegularizer(priors.StandardNormal(3), weight=WARM_UP),
        variant="schedule",
    ),
    RegularizerCase(
        lambda: regularizers.FreeBits(priors.StandardNormal(3), 0.01), batch_mean=False
    ),
    RegularizerCase(
        lambda: regularizers.FreeBits(priors.GaussianMixture(3, 4), 0.01, groups=1),
        variant="one-group",
        batch_mean=False,
    ),
    RegularizerCase(
        lambda: regularizers.Capacity(priors.StandardNormal(3), WARM_UP, weight=5.0),
        batch_mean=False,
    ),
    RegularizerCase(lambda: regularizers.TotalCorrelation(500, 4.0), batch_mean=False),
    RegularizerCase(
        lambda: regularizers.TotalCorrelation(500),
        variant="tril",
        posterior=lambda **kw: layers.MultivariateNormalTriL(3, **kw),
        batch_mean=False,
    ),
    RegularizerCase(
        lambda: regularizers.MaximumMeanDiscrepancy(priors.StandardNormal(3), weight=10.0),
        batch_mean=False,
    ),
    RegularizerCase(lambda: regularizers.NegativeLogPrior(priors.GaussianMixture(3, 4))),
    RegularizerCase(
        lambda: regularizers.MaximumMeanDiscrepancy(priors.StandardNormal(3), kernel="imq"),
        variant="imq",
        batch_mean=False,
    ),
    RegularizerCase(
        lambda: regularizers.MaximumMeanDiscrepancy(priors.Flow(3, 2, (8,)), unbiased=False),
        variant="flow",
        batch_mean=False,
    ),
    RegularizerCase(
        lambda: regularizers.DisentangledInferredPrior("ii", WARM_UP), batch_mean=False
    ),
    RegularizerCase(
        lambda: (
            regularizers.KLDivergenceRegularizer(priors.StandardNormal(3), weight=WARM_UP)
            + regularizers.TotalCorrelation(500, 4.0)
            + regularizers.DisentangledInferredPrior("i")
        ),
        batch_mean=False,
    ),
    ModelCase(lambda: vae_with(priors.VampPrior(2, (8, 8, 1), 3)), images, variant="vamp"),
    ModelCase(lambda: vae_with(priors.Flow(2, 2, (8,))), images, variant="flow-prior"),
    ModelCase(lambda: vae_with(priors.GaussianMixture(2, 3)), images, variant="mixture"),
    ModelCase(lambda: copy_of(fitted()), images, variant="fitted-prior"),
    ModelCase(
        lambda: vae_with(
            priors.StandardNormal(2), layers.InverseAutoregressiveFlow, hidden=(8,), num_steps=1
        ),
        images,
        variant="flow-posterior",
    ),
]
