"""The precisions of `.tflite` files, and what happens to a file that strays too far."""

import dataclasses

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import kvae
from kvae.export import ExportError, presets
from kvae.export.presets import PRESETS
from kvae.export.verification import litert
from kvae.export.verification.compare import Tolerance
from tests.small import SIGNATURES

pytestmark = pytest.mark.slow  # a conversion takes a second, its check as long


def psnr(found, expected):
    """Peak signal to noise in dB, by its definition."""
    error = np.mean((np.asarray(found, "float64") - expected) ** 2)
    return 10.0 * np.log10(np.ptp(expected) ** 2 / error)


@pytest.fixture
def z(rng):
    return rng.normal(size=(200, 5)).astype("float32")


@pytest.fixture
def tight(monkeypatch):
    """Give a preset a tolerance that nothing meets."""

    def tighten(name, **tolerance):
        tight = dataclasses.replace(PRESETS[name], tolerance=Tolerance(**tolerance))
        monkeypatch.setitem(presets.PRESETS, name, tight)

    return tighten


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_keeps_its_tolerance_on_codes_it_was_not_checked_on(
    conv_vae, digits, tmp_path, z, name
):
    result = kvae.export.tflite(conv_vae, tmp_path / "d.tflite", preset=name, data=digits[1])
    expected = conv_vae.decode(z)
    budget = PRESETS[name].tolerance
    for run in (litert.run_interpreter, litert.run_compiled):
        found = run(result.path, "decode", {"z": z})["mean"]
        if budget.error is not None:
            assert np.abs(found - expected).max() <= budget.error
        if budget.psnr is not None:
            # Three decibels for codes farther out than any that were calibrated on.
            assert psnr(found, expected) >= budget.psnr - 3.0
    assert result.preset == name
    assert result.size_bytes == result.path.stat().st_size


def test_int8_weights_keep_small_tensors_in_float16(conv_vae, digits, tmp_path):
    path = tmp_path / "w.tflite"
    kvae.export.tflite(conv_vae, path, preset="int8-weights", data=digits[1])
    details = Interpreter(model_path=str(path)).get_tensor_details()
    held = {kind: [] for kind in (np.int8, np.float16)}
    for detail in details:
        if detail["dtype"] in held:
            held[detail["dtype"]].append(int(np.prod(detail["shape"])))
    assert max(held[np.float16]) < min(held[np.int8])
    assert 0 < sum(held[np.float16]) <= 0.15 * (sum(held[np.float16]) + sum(held[np.int8]))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("float16", marks=pytest.mark.thorough),
        pytest.param("int8-weights", marks=pytest.mark.thorough),
        "int8",
    ],
)
def test_presets_hold_all_signatures(conv_vae, digits, tmp_path, name):
    result = kvae.export.tflite(
        conv_vae, tmp_path / "all.tflite", preset=name, signatures=SIGNATURES, data=digits[1]
    )
    assert set(result.measured) == set(SIGNATURES)
    assert abs(result.elbo_change) < 0.5  # nats, of about 25


def test_samples_of_a_float16_file_are_those_of_keras(conv_vae, tmp_path):
    result = kvae.export.tflite(
        conv_vae, tmp_path / "s.tflite", preset="float16", signatures=["sample"]
    )
    assert result.measured["sample"]["z"].error < 1e-4


def test_int8_io_takes_and_gives_int8(conv_vae, digits, tmp_path, z):
    path = tmp_path / "io.tflite"
    kvae.export.tflite(conv_vae, path, preset="int8-full", int8_io=True, data=digits[1])
    runner = Interpreter(model_path=str(path)).get_signature_runner("decode")
    details = runner.get_input_details() | runner.get_output_details()
    assert {detail["dtype"] for detail in details.values()} == {np.int8}

    scale, zero = details["z"]["quantization"]
    out_scale, out_zero = details["mean"]["quantization"]
    codes = np.clip(np.round(z / scale + zero), -128, 127).astype("int8")
    found = np.concatenate([runner(z=code[None])["mean"] for code in codes])
    found = (found.astype("float64") - out_zero) * out_scale
    assert psnr(found, conv_vae.decode(z)) >= PRESETS["int8-full"].tolerance.psnr - 3.0


def test_int8_full_takes_floats_by_default(conv_vae, digits, tmp_path):
    path = tmp_path / "full.tflite"
    kvae.export.tflite(conv_vae, path, preset="int8-full", data=digits[1])
    runner = Interpreter(model_path=str(path)).get_signature_runner("decode")
    assert runner.get_input_details()["z"]["dtype"] == np.float32
    assert runner.get_output_details()["mean"]["dtype"] == np.float32


def test_int8_full_holds_every_batch_size(conv_vae, tmp_path):
    result = kvae.export.tflite(
        conv_vae, tmp_path / "full.tflite", preset="int8-full", batch_sizes=(1, 8)
    )
    assert set(result.signatures) == {"decode", "decode_8"}
    assert min(each["mean"].psnr for each in result.measured.values()) >= 35.0


def test_refusal_names_the_output_and_its_error(conv_vae, tmp_path, tight):
    tight("float32", error=1e-12)
    message = (
        r"The output (mean|logits) of decode in LiteRT (Interpreter|CompiledModel) differs from "
        r"Keras by \d\.\d+e-\d+; 1e-12 is allowed"
    )
    with pytest.raises(ExportError, match=message):
        kvae.export.tflite(conv_vae, tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []


def test_refusal_names_the_decibels(conv_vae, tmp_path, tight):
    tight("int8", psnr=500.0)
    message = r"The output mean of decode in LiteRT .* reaches \d+\.\d dB PSNR.*500 dB"
    with pytest.raises(ExportError, match=message):
        kvae.export.tflite(conv_vae, tmp_path / "x.tflite", preset="int8")
    assert list(tmp_path.iterdir()) == []


def test_refusal_leaves_the_file_that_stood_there(conv_vae, tmp_path, tight):
    tight("float32", error=1e-12)
    path = tmp_path / "x.tflite"
    path.write_bytes(b"the good one")
    with pytest.raises(ExportError):
        kvae.export.tflite(conv_vae, path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["x.tflite"]
    assert path.read_bytes() == b"the good one"


def test_refused_saved_model_and_bundle_leave_nothing(conv_vae, digits, tmp_path, tight):
    tight("float32", error=0.0)
    # A SavedModel on the same machine has no error at all: no tolerance of a user refuses it.
    object.__setattr__(presets.PRESETS["float32"].tolerance, "error", -1.0)
    with pytest.raises(ExportError, match=r"The output \w+ of decode in .* differs from Keras"):
        kvae.export.saved_model(conv_vae, tmp_path / "1", signatures=["decode"])
    with pytest.raises(ExportError, match="differs from Keras"):
        kvae.export.bundle(
            conv_vae,
            tmp_path / "bundle",
            data=digits[1],
            presets=["float32"],
            signatures=["decode"],
        )
    assert list(tmp_path.iterdir()) == []


def test_arguments_that_do_not_go_together_are_refused(vae, tmp_path):
    path = tmp_path / "x.tflite"
    with pytest.raises(ValueError, match=r"Expected preset to be one of 'float32'.*'int4'"):
        kvae.export.tflite(vae, path, preset="int4")
    with pytest.raises(ValueError, match=r"int8_io goes with preset='int8-full'.*'int8'"):
        kvae.export.tflite(vae, path, preset="int8", int8_io=True)
    with pytest.raises(ValueError, match=r"Expected signatures out of decode.*sample"):
        kvae.export.tflite(vae, path, preset="int8-full", signatures=["decode", "sample"])
    with pytest.raises(ValueError, match=r"tolerance to be a kvae.export.Tolerance.*0.001"):
        kvae.export.tflite(vae, path, tolerance=1e-3)
    with pytest.raises(ValueError, match="batch_sizes to be a positive integer"):
        kvae.export.tflite(vae, path, batch_sizes=[0])
    assert list(tmp_path.iterdir()) == []
