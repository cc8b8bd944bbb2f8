"""Export of models that are no plain VAE: verified against their own array methods."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract import Domain, Signature
from kvae.export.signatures import find
from kvae.export.verification import litert, probe
from tests.export.families import (
    CLASSES,
    Hierarchy,
    examples,
    make_conditional,
)
from tests.small import SIGNATURES, make_vae

BUDGET = 1e-5


def test_a_conditional_model_is_exported_to_tflite(conditional, tmp_path):
    data = examples()
    result = kvae.export.tflite(
        conditional, tmp_path / "x.tflite", signatures=SIGNATURES, data=data
    )
    assert result.max_error < BUDGET
    for described in result.signatures.values():
        assert described["inputs"]["condition"] == {"shape": [1], "dtype": "int32"}
    inputs = {"x": data["x"], "condition": data["condition"].astype("int32")}
    found = litert.run_interpreter(result.path, "score", inputs)["score"]
    np.testing.assert_allclose(found, conditional.score(data), rtol=1e-5)
    z = np.zeros((CLASSES, 2), "float32")
    classes = np.arange(CLASSES, dtype="int32")
    decoded = litert.run_interpreter(result.path, "decode", {"z": z, "condition": classes})["mean"]
    np.testing.assert_allclose(decoded, conditional.decode(z, condition=classes), atol=1e-5)
    assert np.ptp(decoded, axis=0).max() > 1e-3, "the class is read"


def test_without_data_classes_are_drawn_from_their_domain(conditional):
    signatures = find(conditional, SIGNATURES)
    reference = probe.reference_of(conditional, signatures)
    for inputs in reference.inputs.values():
        assert inputs["condition"].dtype == np.int32
        assert set(inputs["condition"]) == set(range(CLASSES))
    assert reference.inputs["decode"]["z"].shape == (128, 2)
    assert reference.inputs["score"]["x"].shape == (64, 6)


@pytest.mark.slow
def test_a_conditional_model_is_exported_to_a_saved_model(conditional, tmp_path):
    result = kvae.export.saved_model(conditional, tmp_path / "served")
    assert set(result.measured) == set(SIGNATURES)
    assert result.max_error < BUDGET
    served = tf.saved_model.load(str(result.path)).signatures["serving_default"]
    z, classes = tf.zeros((5, 2)), tf.constant([0, 1, 2, 1, 0])
    expected = conditional.decode(z, condition=classes)
    np.testing.assert_allclose(served(z=z, condition=classes)["mean"], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset",
    [
        pytest.param("float16", marks=pytest.mark.thorough),
        pytest.param("int8-weights", marks=pytest.mark.thorough),
        "int8",
        "int8-full",
    ],
)
def test_classes_stay_whole_numbers_in_every_precision(preset, tmp_path):
    keras.utils.set_random_seed(0)
    model = make_conditional((8, 8, 1), networks="conv")
    held = ["decode"] if preset == "int8-full" else SIGNATURES
    path, data = tmp_path / "x.tflite", examples(event_shape=(8, 8, 1))
    result = kvae.export.tflite(model, path, preset=preset, signatures=held, data=data)
    assert result.signatures["decode"]["inputs"]["condition"]["dtype"] == "int32"
    z, classes = np.zeros((CLASSES, 2), "float32"), np.arange(CLASSES, dtype="int32")
    found = litert.run_interpreter(path, "decode", {"z": z, "condition": classes})["mean"]
    expected = model.decode(z, condition=classes)
    between = min(np.abs(expected[i] - expected[i - 1]).max() for i in range(CLASSES))
    assert np.abs(found - expected).max() < 0.25 * between, "no class is mistaken for another"


@pytest.mark.slow
def test_inputs_in_int8_leave_classes_alone(tmp_path):
    keras.utils.set_random_seed(0)
    model, path = make_conditional((8, 8, 1), networks="conv"), tmp_path / "x.tflite"
    kvae.export.tflite(model, path, preset="int8-full", int8_io=True)
    details = litert._runner(path, "decode").get_input_details()
    assert {name: each["dtype"] for name, each in details.items()} == {
        "z": np.int8,
        "condition": np.int32,
    }


@pytest.mark.slow
def test_a_hierarchy_is_exported(hierarchy, binary, tmp_path):
    names = [signature.name for signature in hierarchy.signatures()]
    assert "decode" not in names
    result = kvae.export.tflite(hierarchy, tmp_path / "x.tflite", signatures=names, data=binary)
    assert set(result.measured) == set(names)
    assert result.max_error < BUDGET
    assert result.error_prior is None
    inputs = {"x": binary}
    found = litert.run_interpreter(result.path, "score", inputs)["score"]
    np.testing.assert_allclose(found, hierarchy.score(binary), rtol=1e-5)
    assert result.measured["encode"]["z1_mean"].stddevs < 1e-4
    served = kvae.export.saved_model(hierarchy, tmp_path / "served", data=binary)
    assert served.max_error < BUDGET
    functions = tf.saved_model.load(str(served.path)).signatures
    assert (
        functions["serving_default"].structured_outputs.keys()
        == functions[names[0]].structured_outputs.keys()
    )


def test_a_model_without_decode_exports_its_first_signature(hierarchy, tmp_path):
    result = kvae.export.tflite(hierarchy, tmp_path / "x.tflite")
    assert list(result.signatures) == [hierarchy.signatures()[0].name]


def test_the_reference_is_what_the_array_methods_say(hierarchy, binary, monkeypatch):
    sevens = np.full((64, 2), 7.0)
    monkeypatch.setattr(Hierarchy, "encode", lambda self, x: {"z2": (sevens, sevens)})
    reference = probe.reference_of(hierarchy, find(hierarchy, ["encode"]), binary)
    np.testing.assert_array_equal(reference.expected["encode"]["z2_mean"], 7.0)


@pytest.mark.slow
@pytest.mark.parametrize("signature", [None, "score", "sample"])
def test_a_conditional_model_is_exported_to_onnx(conditional, tmp_path, signature):
    result = kvae.export.onnx(conditional, tmp_path / "x.onnx", signature=signature)
    assert result.max_error < BUDGET
    (described,) = result.signatures.values()
    assert described["inputs"]["condition"]["dtype"] == "int32"


@pytest.mark.slow
def test_a_hierarchy_is_exported_to_onnx(hierarchy, tmp_path):
    assert kvae.export.onnx(hierarchy, tmp_path / "x.onnx", signature="sample").max_error < 1e-4


def test_an_error_names_the_signatures_that_the_model_has(hierarchy, tmp_path):
    with pytest.raises(ValueError, match=r"to be one of 'score', .*Received: signatures='decode'"):
        kvae.export.tflite(hierarchy, tmp_path / "x.tflite", signatures=["decode"])


def test_a_model_without_signatures_is_refused(tmp_path):
    class Silent(kvae.VAE):
        def signatures(self):
            return []

    vae = make_vae((6,), 2)
    model = Silent(vae.encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)
    with pytest.raises(ValueError, match=r"Expected vae to have signatures.*Silent"):
        kvae.export.tflite(model, tmp_path / "x.tflite")


def test_an_input_that_nothing_gives_values_for_is_refused(vae, monkeypatch, tmp_path):
    signature = Signature("paint", {"brush": ((2,), tf.float32)}, lambda brush: {"y": brush})
    monkeypatch.setattr(type(vae), "signatures", lambda self: [signature])
    with pytest.raises(ValueError, match=r"inputs of the signature 'paint'.*Received: brush"):
        kvae.export.tflite(vae, tmp_path / "x.tflite")


def test_a_model_that_cannot_draw_needs_data(hierarchy, binary, monkeypatch):
    def no_draws(*_, **__):
        raise NotImplementedError("there is no prior")

    monkeypatch.setattr(Hierarchy, "sample", no_draws)
    signatures = find(hierarchy, ["score"])
    with pytest.raises(ValueError, match=r"Expected data.*Hierarchy cannot.*there is no prior"):
        probe.reference_of(hierarchy, signatures)
    assert probe.reference_of(hierarchy, signatures, binary).inputs["score"]["x"].shape == (64, 6)


def test_whole_numbers_that_a_signature_returns_stay_whole(tmp_path):
    from kvae.export.signatures import describe, trace

    codes = Signature("codes", {"x": ((2,), tf.float32)}, lambda x: {"codes": tf.argmax(x, -1)})
    assert describe(trace(codes, 1))["outputs"]["codes"]["dtype"] == "int32"


@pytest.mark.parametrize(
    "domain",
    [
        Domain(0, 2, integer=True),
        Domain(0.0, 1.0, categories=3, one_hot=True),
        Domain(-1.0, 1.0),
        Domain(0.0, integer=True),
        Domain(),
        Domain.row([("a", Domain(5.0)), ("b", Domain(0, 1, one_hot=True, categories=2))]),
    ],
    ids=str,
)
def test_draws_from_a_domain_are_valid(domain):
    drawn = probe._drawn(domain, (50, 3), np.random.default_rng(0))
    assert drawn.shape == (50, 3)
    domain.check(drawn, "condition")
