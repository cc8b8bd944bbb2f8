"""The density of every likelihood, computed by LiteRT, against TensorFlow in float64."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import kvae
from kvae.export.conversion.operations import UNAVAILABLE
from kvae.export.signatures import ExportModule
from kvae.special_functions import builtin_only
from tests.conformance.case import LayerCase
from tests.conformance.cases import gaussian, likelihoods, name, sphere, tfp_layers

ROWS = 64
CASES = (*gaussian.CASES, *likelihoods.CASES, *sphere.CASES, *tfp_layers.CASES)
BY_NAME = {
    name(case).replace("-", "_"): case
    for case in CASES
    # Of a function of the user's, TFLite writes the softplus as log(1 + exp(x)).
    if isinstance(case, LayerCase) and not isinstance(case.make(), kvae.layers.DistributionLambda)
}


@pytest.fixture(scope="module")
def densities(tmp_path_factory):
    """One file, with a signature for each case; converting takes seconds, so once."""
    folder = str(tmp_path_factory.mktemp("densities"))
    signatures, layers = {}, []
    for case_name, case in BY_NAME.items():
        layer = case.make()
        layers.append(layer)  # its variables have to live until they are saved
        specs = [
            tf.TensorSpec((ROWS, *layer.params_shape), tf.float32, name="params"),
            tf.TensorSpec((ROWS, *layer.event_shape), tf.float32, name="x"),
        ]
        with builtin_only():
            traced = tf.function(layer.log_prob, specs, autograph=False).get_concrete_function()
        assert not UNAVAILABLE.keys() & {
            operation.type for operation in traced.graph.get_operations()
        }
        signatures[case_name] = traced
    tf.saved_model.save(ExportModule(signatures.values()), folder, signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return Interpreter(model_content=converter.convert())


@pytest.mark.slow
@pytest.mark.parametrize("case_name", BY_NAME)
@pytest.mark.parametrize("size", [1.0, 5.0])
def test_litert_says_what_float64_says(case_name, size, densities):
    case = BY_NAME[case_name]
    layer = case.make()
    params, x = case.arrays()
    params, x = (size * params[:ROWS]).astype("float32"), x[:ROWS]
    (found,) = densities.get_signature_runner(case_name)(params=params, x=x).values()
    expected = layer.log_prob(tf.constant(params, tf.float64), tf.constant(x, tf.float64)).numpy()
    allowed = 1e-6
    if isinstance(layer, kvae.layers.MultivariateNormalTriL):  # the system's condition is its own
        allowed = max(allowed, 2.0 * error(layer.log_prob(params, x), expected))
    assert error(found, expected) <= allowed


def error(found, expected):
    return np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)))
