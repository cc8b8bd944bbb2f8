"""Export of codes: whole numbers are held to a share of equal ones, others where codes agree."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export import runtime
from kvae.export.key import Key
from kvae.export.presets import PRESETS
from kvae.export.verification.compare import Output, Tolerance, measure
from kvae.export.verification.reference import Reference
from tests.conformance.cases.quantized import make_quantized

NAMES = ["decode", "encode", "reconstruct", "score", "sample"]
FLOAT32 = PRESETS["float32"].tolerance


@pytest.fixture(
    scope="module",
    params=["vector", pytest.param("finite-scalar", marks=pytest.mark.thorough)],
)
def model(request, digits):
    keras.utils.set_random_seed(0)
    levels = kvae.layers.FiniteScalarQuantizer([3, 2])
    quantizer = levels if request.param == "finite-scalar" else None
    model = make_quantized(quantizer, kvae.priors.AutoregressiveCodes((2, 2), 6, 8, 4))
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(digits[0][:256], epochs=5, verbose=0)
    return model.fit_prior(digits[0][:256], epochs=5, verbose=0)


def reference_and_outputs(wrong=0):
    """Return a reference of 400 codes, and a file's outputs with `wrong` of them in error."""
    x, codes = np.arange(100.0).reshape(100, 1), np.arange(400).reshape(100, 4).astype("int32")
    mean = np.zeros((100, 2), "float32")
    inputs = {"encode": {"x": x}, "reconstruct": {"x": x}}
    reference = Reference(inputs, {"encode": {"codes": codes}, "reconstruct": {"mean": mean}})
    found, pictures = codes.copy(), mean.copy()
    found[:wrong, 0] += 1
    pictures[:wrong] += 0.5
    outputs = [
        Output("LiteRT", Key("reconstruct"), "mean", pictures),
        Output("LiteRT", Key("encode"), "codes", found),
    ]
    return reference, outputs


def test_one_code_at_a_tie_is_allowed_with_what_is_made_of_it():
    measured = measure(*reference_and_outputs(1), FLOAT32)
    assert measured["encode"]["codes"].equal == 1.0 - 1.0 / 400.0
    assert measured["reconstruct"]["mean"].error == 0.0


def test_more_wrong_codes_are_refused():
    with pytest.raises(kvae.export.ExportError, match=r"99.50% of its whole.*99.9% are required"):
        measure(*reference_and_outputs(2), FLOAT32)
    measure(*reference_and_outputs(2), Tolerance(equal=0.99))


def test_a_wrong_picture_of_equal_codes_is_refused():
    reference, outputs = reference_and_outputs(1)
    outputs[0].values[50] += 0.5
    with pytest.raises(kvae.export.ExportError, match=r"mean of reconstruct.*differs"):
        measure(reference, outputs, FLOAT32)


def test_codes_are_exported_to_tflite(model, digits, tmp_path):
    x = digits[1][:64]
    result = kvae.export.tflite(model, tmp_path / "x.tflite", signatures=NAMES, data=x)
    assert set(result.measured) == set(NAMES)
    assert result.measured["encode"]["codes"].equal >= 0.999
    assert result.signatures["decode"]["inputs"]["codes"]["dtype"] == "int32"


def test_a_file_with_a_broken_quantizer_is_refused(model, digits, tmp_path, monkeypatch):
    """The file's own quantizer is altered: it takes other codes than Keras for many vectors."""
    quantizer, preset = model.quantizer, PRESETS["float32"]
    if isinstance(quantizer, kvae.layers.VectorQuantizer):
        right = np.sum(np.square(quantizer.codebook.numpy()), axis=1)
        wrong = np.roll(right, 1) + np.arange(len(right), dtype="float32")
    else:
        right, wrong = quantizer._reach, -quantizer._reach

    def apply(*arguments):
        content = preset.apply(*arguments)
        assert content.count(right.tobytes()) == 1, "a constant of the file"
        return content.replace(right.tobytes(), wrong.tobytes())

    monkeypatch.setitem(PRESETS, "float32", replace(preset, apply=apply))
    with pytest.raises(kvae.export.ExportError, match="tolerance equal"):
        kvae.export.tflite(model, tmp_path / "x.tflite", signatures=["encode"], data=digits[1][:64])
    assert not (tmp_path / "x.tflite").exists()


@pytest.mark.slow
def test_codes_are_exported_to_a_saved_model(model, digits, tmp_path):
    result = kvae.export.saved_model(model, tmp_path / "served", data=digits[1][:64])
    served = tf.saved_model.load(str(result.path)).signatures["encode"]
    found = served(x=tf.constant(digits[1][:8]))["codes"].numpy()
    assert np.mean(found == model.encode(digits[1][:8])) >= 0.96


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["encode", "decode"])
def test_codes_are_exported_to_onnx(model, digits, tmp_path, signature):
    kvae.export.onnx(model, tmp_path / "x.onnx", signature=signature, data=digits[1][:64])


@pytest.mark.slow
def test_a_bundle_of_codes_runs_and_refuses_those_outside_the_codebook(model, digits, tmp_path):
    path, x = tmp_path / "bundle", digits[1][:64]
    kvae.export.bundle(model, path, data=x, presets=["float32"], measure=False)
    kvae.export.verify(path)
    found = runtime.Model(path)
    codes = model.encode(x)
    np.testing.assert_array_equal(found.encode(x), codes)
    np.testing.assert_allclose(found.decode(codes), model.decode(codes), atol=1e-5)
    np.testing.assert_allclose(
        found.run("decode", codes=codes)["mean"], model.decode(codes), atol=1e-5
    )
    for wrong in (6, -1):
        bad = np.where(np.arange(4).reshape(1, 2, 2) == 2, wrong, codes[:1])
        with pytest.raises(ValueError, match="Expected codes to hold") as keras_says:
            model.decode(bad)
        with pytest.raises(ValueError, match="Expected codes to hold") as runtime_says:
            found.run("decode", codes=bad)
        assert str(runtime_says.value) == str(keras_says.value)
