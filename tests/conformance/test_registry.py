"""No public class escapes the battery."""

import inspect

import pytest

import kvae
from tests.conformance.case import LayerCase, ModelCase, PriorCase, RegularizerCase
from tests.conformance.cases import collect

FAMILIES = {
    "layers": (kvae.layers, kvae.layers.DistributionLayer, LayerCase),
    "priors": (kvae.priors, kvae.priors.Prior, PriorCase),
    "regularizers": (kvae.regularizers, kvae.regularizers.Regularizer, RegularizerCase),
    "models": (kvae.models, kvae.models.LatentModel, ModelCase),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_public_class_is_listed(family):
    module, base, kind = FAMILIES[family]
    public = {
        value
        for value in (getattr(module, name) for name in module.__all__)
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }
    listed = {type(parameter.values[0].make()) for parameter in collect(kind)}
    missing = sorted(cls.__name__ for cls in public - listed)
    assert not missing, f"add a case to tests/conformance/cases/ for {', '.join(missing)}"
