"""`diagnose` measures or refuses every model of the conformance battery and every likelihood."""

import itertools
import json
import re

import numpy as np
import pytest

import kvae
from tests.conformance.case import LayerCase, ModelCase
from tests.conformance.cases import collect
from tests.small import make_vae

EXAMPLES = 64


def diagnosed(vae, x):
    report = kvae.diagnose(vae, x)
    assert report.verdict.state in kvae.diagnosis.STATES
    json.loads(report.to_json())
    for name, estimate in report.estimates().items():
        assert estimate.measured or name in NOT_ALWAYS, name
    return report


NOT_ALWAYS = {
    "dimension-wise KL, share of the KL",
    "overlap of nearest posteriors",
    "prior samples outside safe ranges, share",  # of informative dimensions, if there are any
    "scales at their lower bound, share",
    "ELBO of training data above that of these, nats",
}


REFUSED = {
    "ConditionalVAE",  # it is diagnosed at one condition
    "ConditionalVAE-conv-numbers-prior",
    "HierarchicalVAE",  # these have no one latent vector
    "HierarchicalVAE-conv",
    "HierarchicalVAE-vamp",
    "QuantizedVAE",
    "QuantizedVAE-finite-scalar",
    "VAE-autoencoder",  # no standard deviation
    "VAE-missing",  # data with missing values
}


@pytest.mark.slow
@pytest.mark.parametrize("case", collect(ModelCase))
def test_a_model_is_diagnosed_or_refused_in_one_sentence(case, request):
    try:
        found = diagnosed(case.make(), case.arrays())
    except ValueError as error:
        found = str(error)
        assert re.fullmatch("Expected (vae|x) .* Received: .*", found)
    assert isinstance(found, str) == (request.node.callspec.id in REFUSED)


def is_likelihood(layer):
    """Whether a layer is one over arrays of data, with parameters that a decoder emits."""
    return layer.event_shape != () and layer.density is not None


LIKELIHOODS = [param for param in collect(LayerCase) if is_likelihood(param.values[0].make())]


@pytest.mark.slow
@pytest.mark.parametrize("case", LIKELIHOODS)
def test_every_likelihood(case):
    layer = case.make()
    x = case.values(np.random.default_rng(2), EXAMPLES).astype("float32")
    vae = make_vae(layer.event_shape, 2, likelihood=layer)
    diagnosed(vae, x)


COLUMNS = {
    "normal": (kvae.layers.IndependentNormal, lambda rng, n: rng.normal(size=n)),
    "bernoulli": (kvae.layers.IndependentBernoulli, lambda rng, n: rng.integers(2, size=n)),
    "poisson": (kvae.layers.IndependentPoisson, lambda rng, n: rng.poisson(3.0, size=n)),
    "counts": (
        kvae.layers.IndependentNegativeBinomial,
        lambda rng, n: rng.negative_binomial(2, 0.1, size=n),
    ),
    "student_t": (kvae.layers.IndependentStudentT, lambda rng, n: rng.standard_t(3.0, size=n)),
    "categorical": (
        lambda **kwargs: kvae.layers.IndependentCategorical((), 4, **kwargs),
        lambda rng, n: rng.integers(4, size=n),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("pair", list(itertools.combinations(COLUMNS, 2)), ids="-".join)
def test_every_pair_of_columns(pair, rng):
    layers, data = [], []
    for name in pair:
        make, values = COLUMNS[name]
        layers.append(make(name=name))
        data.append(values(rng, EXAMPLES))
    row = kvae.layers.Columns(layers)
    diagnosed(make_vae((2,), 2, likelihood=row), np.stack(data, axis=1).astype("float32"))
