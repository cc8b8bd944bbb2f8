"""No class that a saved model may hold escapes the battery."""

import keras

import kvae
from tests.conformance.case import (
    CodePriorCase,
    ConditionalPriorCase,
    ConditionCase,
    LayerCase,
    ModelCase,
    ObjectCase,
    PlainLayerCase,
    PriorCase,
    RegularizerCase,
)
from tests.conformance.cases import collect

# Their subclasses are what a model holds.
BASES = {
    kvae.conditions.Condition,
    kvae.layers.DistributionLayer,
    kvae.layers.Quantizer,
    kvae.losses.Objective,
    kvae.priors.Prior,
    kvae.regularizers.Regularizer,
    kvae.regularizers.Schedule,
    kvae.transforms.Transform,
}
KINDS = (
    LayerCase,
    PriorCase,
    ConditionalPriorCase,
    ConditionCase,
    RegularizerCase,
    ModelCase,
    PlainLayerCase,
    ObjectCase,
    CodePriorCase,
)


def test_every_class_that_kvae_registers_with_keras_is_listed():
    objects = keras.saving.get_custom_objects()
    registered = {value for name, value in objects.items() if name.startswith("kvae>")}
    assert registered > BASES
    listed = {type(parameter.values[0].make()) for parameter in collect(*KINDS)}
    missing = sorted(cls.__name__ for cls in registered - listed - BASES)
    assert not missing, f"add a case to tests/conformance/cases/ for {', '.join(missing)}"
