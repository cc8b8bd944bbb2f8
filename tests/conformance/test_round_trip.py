"""Every case is saved here and loaded in a process that knows only `import kvae`, or not even that.

All cases go through one process for each format: starting TensorFlow is what takes the time.
"""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.case import LayerCase, ModelCase, PriorCase, RegularizerCase
from tests.conformance.cases import collect, name
from tests.conformance.record import record
from tests.helpers import relative, run_python
from tests.penalties import penalty
from tests.selection import cases_of

# The same graph in another process: equal but for threads that add in another order.
FLOAT32 = 1e-6

IN_A_FRESH_PROCESS = "test_a_keras_file_says_the_same_in_a_fresh_process_under_safe_mode"
WITHOUT_KERAS = "test_a_saved_model_says_the_same_where_keras_cannot_be_imported"

EVERYTHING = [
    parameter
    for parameter in collect(LayerCase, PriorCase, RegularizerCase, ModelCase)
    if getattr(parameter.values[0], "bind", None) is None
]

LOAD_SAVED_MODEL = """
import sys
for module in ("keras", "tf_keras", "tensorflow_probability", "kvae"):
    sys.modules[module] = None
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
signatures = tf.saved_model.load(folder + "/saved_model").signatures
inputs = np.load(folder + "/inputs.npz")
for name, function in signatures.items():
    said = function(*(), **{
        key: tf.constant(inputs[name + "." + key])
        for key in function.structured_input_signature[1]
    })
    np.savez(folder + "/" + name + ".said.npz", **{key: said[key].numpy() for key in said})
"""


def _inputs(case):
    return (
        case.inputs()
        if isinstance(case, ModelCase)
        else dict(zip(("params", "values"), case.arrays(), strict=True))
    )


@pytest.fixture(scope="module")
def reloaded(request, tmp_path_factory):
    """What every case said here and, after `.keras`, in a fresh process, by name."""
    folder = tmp_path_factory.mktemp("keras")
    here = {}
    for case in cases_of(request, IN_A_FRESH_PROCESS):
        model = case.make() if isinstance(case, ModelCase) else case.model()
        inputs = _inputs(case)
        model.save(folder / f"{name(case)}.keras")
        np.savez(folder / f"{name(case)}.npz", **inputs)
        here[name(case)] = record(model, inputs)
    code = "import sys; from tests.conformance import record; record.main(sys.argv[1])"
    run_python(code, folder, folder, prepared=True)
    return here, json.loads((folder / "failures.json").read_text()), folder


@pytest.mark.slow
@pytest.mark.parametrize("case", EVERYTHING)
def test_a_keras_file_says_the_same_in_a_fresh_process_under_safe_mode(case, reloaded):
    here, failures, folder = reloaded
    assert name(case) not in failures, failures[name(case)]
    with np.load(folder / f"{name(case)}.said.npz") as there:
        assert set(there) == set(here[name(case)])
        for key, expected in here[name(case)].items():
            if key == "output" and getattr(case, "output", "") is None:
                continue  # a draw
            assert relative(there[key], expected) < FLOAT32, key


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    """What every layer, prior and regularizer says here and as a SavedModel without Keras."""
    folder = tmp_path_factory.mktemp("saved_model")
    module, signatures, inputs, here = tf.Module(), {}, {}, {}
    module.held = []
    for case in cases_of(request, WITHOUT_KERAS):
        key = name(case).replace("-", "_")
        arrays = _inputs(case)
        function, variables = _score(case)
        module.held += variables
        here[key] = function(*map(tf.constant, arrays.values()))
        signatures[key] = tf.function(function, autograph=False).get_concrete_function(
            **{
                argument: tf.TensorSpec((None, *array.shape[1:]), tf.float32, name=argument)
                for argument, array in arrays.items()
            }
        )
        inputs |= {f"{key}.{argument}": array for argument, array in arrays.items()}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    np.savez(folder / "inputs.npz", **inputs)
    run_python(LOAD_SAVED_MODEL, folder, folder)
    return here, folder


def _score(case):
    """Return (params, values) -> what the case says, and the variables behind it."""
    model = case.model()
    layer = model.get_layer("layer")

    def score(params, values):
        distribution = layer.distribution(params)
        said = {"log_prob": distribution.log_prob(values)}
        if layer.regularizer is not None:
            said["penalty"] = penalty(layer.regularizer, distribution, values, step=layer.step())
        elif case.output is not None:
            said["output"] = layer(params)
        return said

    return score, [variable.value for variable in model.variables]


@pytest.mark.slow
@pytest.mark.parametrize("case", collect(LayerCase, PriorCase, RegularizerCase))
def test_a_saved_model_says_the_same_where_keras_cannot_be_imported(case, served):
    here, folder = served
    key = name(case).replace("-", "_")
    with np.load(folder / f"{key}.said.npz") as there:
        assert set(there) == set(here[key])
        for output, expected in here[key].items():
            assert relative(there[output], expected) < 1e-5, output
