"""`kvae.export.onnx`: the files are run by ONNX Runtime and compared with Keras' golden vectors."""

import importlib.util
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export.conversion import to_onnx
from kvae.export.signatures import find
from kvae.export.verification.onnx_runtime import run
from kvae.export.verification.probe import reference_of
from tests.export.test_score import data
from tests.helpers import ROOT, relative, run_python
from tests.small import SIGNATURES, make_vae

EXTRA = "Install the extra 'onnx' of kvae-keras, or: pip install tf2onnx onnxruntime"
pytestmark = pytest.mark.slow
needs_extra = pytest.mark.skipif(
    not (importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime")),
    reason=EXTRA,
)


def session(path):
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@needs_extra
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_signature_says_in_onnx_runtime_what_it_says_in_keras(
    conv_vae, digits, tmp_path, signature, batch_size
):
    path = tmp_path / "vae.onnx"
    result = kvae.export.onnx(
        conv_vae, path, signature=signature, batch_size=batch_size, data=digits[1]
    )
    assert result.max_error < 1e-5
    assert result.runtimes == ("ONNX Runtime",)
    assert path.stat().st_size == result.size_bytes > result.weight_bytes
    # A second way to the same numbers: the file itself, in this process.
    reference = reference_of(conv_vae, find(conv_vae, [signature]), digits[1])
    loaded = session(path)
    assert {i.shape[0] if batch_size else type(i.shape[0]) for i in loaded.get_inputs()} == {
        batch_size or str
    }
    found = run(loaded, reference.inputs[signature])
    assert found.keys() == reference.expected[signature].keys()
    for name, expected in reference.expected[signature].items():
        assert relative(found[name], expected) < 1e-5, name


@needs_extra
@pytest.mark.parametrize("rows", [1, 7])
def test_an_open_batch_takes_any_number_of_rows(conv_vae, digits, tmp_path, rows):
    kvae.export.onnx(conv_vae, tmp_path / "score.onnx", signature="score", data=digits[1])
    x = digits[1][:rows].astype("float32")
    found = run(session(tmp_path / "score.onnx"), {"x": x})["score"]
    assert relative(found, conv_vae.score(x)) < 1e-5


@needs_extra
@pytest.mark.parametrize(
    "name",
    [
        "IndependentBeta",
        pytest.param("IndependentNegativeBinomial", marks=pytest.mark.thorough),
        pytest.param("IndependentStudentT", marks=pytest.mark.thorough),
        pytest.param("PowerSpherical", marks=pytest.mark.thorough),
    ],
)
def test_a_likelihood_with_special_functions_exports_its_score(name, rng, tmp_path):
    keras.utils.set_random_seed(0)
    vae = make_vae((3,), likelihood=getattr(kvae.layers, name)(3))
    path = tmp_path / "score.onnx"
    assert kvae.export.onnx(vae, path, signature="score", data=data(name, rng)).max_error < 1e-5


@needs_extra
def test_a_mean_that_needs_expm1_keeps_its_digits(tmp_path):
    vae = make_vae((3,), likelihood=kvae.layers.ContinuousBernoulli(3))
    assert kvae.export.onnx(vae, tmp_path / "x.onnx").max_error < 1e-5


@needs_extra
@pytest.mark.parametrize(
    ("function", "values"),
    [
        (lambda x: tf.math.expm1(x), [[-50.0, -1.0, -1e-6, 0.0, 1e-7, 0.3, 20.0, 80.0]]),
        (lambda x: tf.math.multiply_no_nan(np.inf, x), [[0.0, 1.0]]),
        (lambda x: tf.math.multiply_no_nan(x, tf.constant([[0.0, 2.0]])), [[np.inf, 3.0]]),
        (
            lambda x: tf.fill(tf.broadcast_dynamic_shape(tf.shape(x), [1, 4]), x[0, 0]),
            [[2.0], [3.0]],
        ),
    ],
    ids=["expm1", "infinity times zero", "zero times infinity", "broadcast"],
)
def test_operations_that_tf2onnx_lacks_are_written_in_others(function, values, tmp_path):
    x = np.array(values, "float32")
    call = tf.function(lambda x: {"y": tf.identity(function(x), name="y")})
    concrete = call.get_concrete_function(x=tf.TensorSpec((None, x.shape[1]), name="x"))
    (tmp_path / "f.onnx").write_bytes(to_onnx.to_onnx(concrete, "f"))
    found = run(session(tmp_path / "f.onnx"), {"x": x})["y"]
    np.testing.assert_allclose(found, concrete(x=tf.constant(x))["y"], rtol=1e-6)


@needs_extra
@pytest.mark.parametrize("bits", [0, 3, 15, 16, 26, 31])
def test_shifts_keep_every_bit(bits, tmp_path):
    x = np.array([[0, 1, -1, 2**31 - 1, -(2**31), 123456789, -987654321]], "int32")
    call = tf.function(lambda x: {"y": tf.bitwise.right_shift(x, tf.constant(bits))})
    concrete = call.get_concrete_function(x=tf.TensorSpec((None, 7), tf.int32, name="x"))
    (tmp_path / "f.onnx").write_bytes(to_onnx.to_onnx(concrete, "f"))
    np.testing.assert_array_equal(run(session(tmp_path / "f.onnx"), {"x": x})["y"], x >> bits)


@needs_extra
def test_an_operation_without_conversion_is_named():
    call = tf.function(lambda x: {"y": tf.math.lgamma(x)})
    concrete = call.get_concrete_function(x=tf.TensorSpec((None, 3), name="x"))
    with pytest.raises(kvae.export.ExportError, match="no operation Lgamma, which score needs"):
        to_onnx.to_onnx(concrete, "score")


@needs_extra
def test_what_stands_is_not_replaced_unless_asked(conv_vae, tmp_path):
    (tmp_path / "x.onnx").write_text("mine")
    with pytest.raises(FileExistsError, match="Expected path to be free"):
        kvae.export.onnx(conv_vae, tmp_path / "x.onnx")
    kvae.export.onnx(conv_vae, tmp_path / "x.onnx", overwrite=True)
    assert (tmp_path / "x.onnx").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"signature": "dream"}, "Expected signature to be"),
        ({"batch_size": 0}, "Expected batch_size"),
    ],
)
def test_wrong_arguments_are_refused(conv_vae, tmp_path, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kvae.export.onnx(conv_vae, tmp_path / "x.onnx", **arguments)


def test_without_the_extra_the_error_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['tf2onnx'] = None\n"
        "from kvae.export.conversion.to_onnx import to_onnx\n"
        "to_onnx(None, 'decode')"
    )
    done = run_python(code, tmp_path, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: kvae.export.onnx needs tf2onnx and ONNX Runtime, of which")
    assert last.endswith(EXTRA)


@needs_extra
def test_the_lines_of_the_page(conv_vae, tmp_path):
    conv_vae.save(tmp_path / "vae.keras")
    page = (ROOT / "docs" / "onnx.md").read_text("utf-8")
    said = run_python(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], tmp_path)
    assert said.splitlines()[0].startswith("decode.onnx: onnx float32, ")
    assert said.splitlines()[-1] == "(4, 8, 8, 1)"
