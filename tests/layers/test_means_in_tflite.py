"""What an exported decoder gives, mean and named parameters, TFLite computes with its own ops."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kvae.export.signatures import ExportModule
from kvae.special_functions import builtin_only
from tests.conformance.cases import likelihoods, name, tfp_layers
from tests.helpers import relative

BY_NAME = {name(case): case for case in (*likelihoods.CASES, *tfp_layers.CASES)}


def key(case_name):
    return case_name.replace("-", "_")


def decoded(layer, params):
    return {layer.center_name: layer.center(params), **layer.named_parameters(params)}


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """The signatures of one file, a mean for each case; converting takes seconds, so once."""
    folder = str(tmp_path_factory.mktemp("means"))
    signatures, layers = {}, []
    for case_name, case in BY_NAME.items():
        layer = case.make()
        layers.append(layer)  # its variables have to live until they are saved
        spec = tf.TensorSpec((8, *layer.params_shape), tf.float32, name="params")
        function = tf.function(
            lambda params, layer=layer: decoded(layer, params), [spec], autograph=False
        )
        with builtin_only():
            signatures[key(case_name)] = function.get_concrete_function()
    tf.saved_model.save(ExportModule(signatures.values()), folder, signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return Interpreter(model_content=converter.convert())


@pytest.mark.slow
@pytest.mark.parametrize("case_name", BY_NAME)
@pytest.mark.parametrize("size", [1.0, 10.0, 200.0])
def test_tflite_says_what_keras_says(case_name, size, means, rng):
    """At raw params of 200 a softplus written as log(1 + exp(x)) would be infinite."""
    layer = BY_NAME[case_name].make()
    params = (size * rng.normal(size=(8, *layer.params_shape))).astype("float32")
    found = means.get_signature_runner(key(case_name))(params=params)
    expected = decoded(layer, tf.constant(params))
    assert set(found) == set(expected)
    for output, value in expected.items():
        assert value.shape[0] == len(params), "the batch comes first"
        finite = np.isfinite(value)  # the median of a log-normal with loc 100 is infinite
        assert np.array_equal(np.isfinite(found[output]), finite), output
        assert relative(found[output][finite], value[finite]) < 1e-5, output
