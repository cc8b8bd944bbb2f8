"""One battery over every layer: what Keras' own tests ask of a layer, in our words.

All layers train in one model, since a `fit` of their own takes a second each.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.case import (
    LayerCase,
    PlainLayerCase,
    PriorCase,
    RegularizerCase,
)
from tests.conformance.cases import collect, name
from tests.helpers import assert_same_in_float32
from tests.selection import cases_of

LAYERS = collect(LayerCase, PriorCase, RegularizerCase, PlainLayerCase)
every_layer = pytest.mark.parametrize("case", LAYERS)


def layer_and_inputs(case, **kwargs):
    """Return a new layer and a batch of what it is called on."""
    if isinstance(case, PlainLayerCase):
        return case.make(**kwargs), case.arrays()
    return case.layer(**kwargs), case.arrays()[0]


@every_layer
def test_all_ways_to_build_it_make_the_same_weights_once(case):
    made = []
    for way in ("build", "symbolic", "eager"):
        layer, inputs = layer_and_inputs(case)
        shape = inputs.shape[1:]
        if way == "build":
            layer.build((None, *shape))
        for _ in range(2):
            if way != "build":
                layer(keras.Input(shape) if way == "symbolic" else inputs)
        assert layer.built
        assert layer.count_params() == sum(weight.numpy().size for weight in layer.weights)
        made.append([(v.shape, v.dtype, v.trainable) for v in layer.variables])
    assert made[0] == made[1] == made[2]


@every_layer
def test_symbolic_and_eager_outputs_have_the_announced_shape(case):
    layer, inputs = layer_and_inputs(case)
    shape = layer.compute_output_shape((None, *inputs.shape[1:]))
    assert layer(keras.Input(inputs.shape[1:])).shape == shape
    assert layer(inputs).shape == (len(inputs), *shape[1:])
    assert layer(inputs, training=True).shape == (len(inputs), *shape[1:])


@every_layer
def test_half_precision_is_announced_and_weights_stay_in_float32(case):
    layer, inputs = layer_and_inputs(case, dtype="mixed_float16")
    half = tf.cast(inputs, layer.compute_dtype)
    announced = layer.compute_output_spec(keras.KerasTensor(half.shape, layer.compute_dtype))
    assert layer(half).dtype == announced.dtype == "float16"
    floats = [weight for weight in layer.weights if "int" not in weight.dtype]
    assert all(weight.dtype == "float32" for weight in floats)


@every_layer
def test_a_sequence_keeps_its_mask(case):
    layer, inputs = layer_and_inputs(case)
    sequence = np.stack([inputs[:6], inputs[6:12]])  # (2, 6, ...)
    mask = np.array([[True] * 4 + [False] * 2, [True] * 6])
    assert layer.supports_masking
    assert layer.compute_mask(sequence, mask) is mask
    assert layer(sequence).shape[:2] == (2, 6)


class Together(keras.Model):
    """A functional model of all layers side by side; its loss reaches every weight of theirs."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = tf.add_n([tf.cast(loss, tf.float32) for loss in self.losses])
        for key, values in y.items():
            distribution = self.get_layer(key).distribution(x[f"{key}_inputs"])
            total -= tf.reduce_mean(distribution.log_prob(values))
        return total + tf.add_n([tf.reduce_mean(output) for output in y_pred.values()])


def layer_name(case):
    return name(case).replace("-", "_")


def together(cases):
    """Return the compiled model of the layers of these cases, its inputs and the events by name."""
    x, y, inputs, outputs = {}, {}, {}, {}
    for case in cases:
        layer, arrays = layer_and_inputs(case, name=layer_name(case))
        key = f"{layer.name}_inputs"
        x[key], inputs[key] = arrays, keras.Input(arrays.shape[1:], name=key)
        outputs[layer.name] = layer(inputs[key])
        if isinstance(case, LayerCase):
            y[layer.name] = case.arrays()[1]
    model = Together(inputs, outputs)
    model.compile(keras.optimizers.SGD(1e-3), jit_compile=False)
    return model, x, y


@pytest.fixture(scope="module")
def cases(request):
    """The layers that train together, and are exported together; all where only that is run."""
    chosen = cases_of(request, "test_fit_moves_every_weight")
    return chosen or [parameter.values[0] for parameter in LAYERS]


@pytest.fixture(scope="module")
def trained(cases):
    """The model after one batch of `fit`, its inputs, and its weights before."""
    model, x, y = together(cases)
    before = {weight.path: np.array(weight) for weight in model.weights}
    history = model.fit(x, y, batch_size=64, verbose=0).history
    assert np.isfinite(history["loss"][0])
    return model, x, y, before


@pytest.mark.slow
@every_layer
def test_fit_moves_every_weight(case, trained):
    model, *_, before = trained
    layer = model.get_layer(layer_name(case))
    for weight in layer.trainable_weights:
        assert np.all(np.isfinite(weight)), weight.path
        assert not np.array_equal(weight, before[weight.path]), weight.path
    if hasattr(layer, "training_step"):
        assert int(layer.training_step) == 1


@pytest.mark.slow
def test_an_exported_model_says_what_the_trained_one_says(cases, trained, tmp_path):
    model, x, _, _ = trained
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    served = loaded.serve(x)
    expected = model(x, training=False)
    for case in cases:
        if getattr(case, "output", "mean") is not None:  # else a draw
            assert_same_in_float32(served[layer_name(case)], expected[layer_name(case)])


@pytest.mark.slow
def test_the_state_tree_puts_every_variable_back(trained):
    model = trained[0]
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(variable) for variable in variables]
    tree = model.get_state_tree("numpy_array")
    for variable in variables:
        variable.assign(variable + 1)
    model.set_state_tree(tree)
    for variable, expected in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, expected, err_msg=variable.path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")  # Keras' own
def test_a_frozen_model_fits_and_keeps_its_weights(trained):
    model, x, y, _ = trained
    model.trainable = False
    before = [np.array(weight) for weight in model.weights if "float" in weight.dtype]
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    model.fit(x, y, batch_size=64, verbose=0)
    after = [weight for weight in model.weights if "float" in weight.dtype]
    for found, expected in zip(after, before, strict=True):
        np.testing.assert_array_equal(found, expected)
