"""An exported detector decides as the estimator does."""

import json

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.estimators.conftest import normal_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector") / "bundle"
    detector.export(folder, presets=("float32", "int8"), measure=False)
    return folder


def test_float32_makes_the_decisions_of_keras(detector, exported):
    rows = np.concatenate([normal_rows(400, 2), 3.0 * normal_rows(20, 3)]).astype("float32")
    found = runtime.Model(exported, "float32").detect(rows)
    np.testing.assert_allclose(found["score"], -detector.score_samples(rows), rtol=1e-4, atol=1e-3)
    away = np.abs(detector.decision_function(rows)) > 1e-2
    assert away.sum() > 400
    decided = np.where(found["is_anomaly"], -1, 1)
    np.testing.assert_array_equal(decided[away], detector.predict(rows)[away])
    np.testing.assert_allclose(found["p_value"], detector.p_values(rows), atol=0.02)


def test_the_card_names_the_thresholds_and_how_to_decide(exported):
    card = (exported / "README.md").read_text("utf-8")
    for preset in ("float32", "int8"):
        found = runtime.Bundle(exported).artefact(preset)["calibration"]
        count = len(found["scores"])
        assert f"| {preset} | 5.00% | - | {found['high']:.9g} | {count} |" in card
    assert "found = model.detect(x)" in card
    assert "model.score(x)" not in card


def test_the_script_of_a_bundle_that_cannot_draw_says_so(exported, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "__file__", str(exported / "runtime.py"))
    assert runtime.main(["7"]) == 1
    assert "Received: one with score, reconstruct" in capsys.readouterr().err
    assert runtime.main(["--help"]) == 0
    assert runtime.main(["seven"]) == 2
    assert capsys.readouterr().out.count("usage: python runtime.py [SEED]") == 2


@pytest.mark.parametrize("preset", ["float32", "int8"])
def test_each_preset_has_the_threshold_of_its_own_scores(detector, exported, preset):
    model = runtime.Model(exported, preset)
    found = model.bundle.artefact(preset)["calibration"]
    own = np.sort(model.score(detector.calibration_rows_))
    np.testing.assert_array_equal(np.array(found["scores"], "float32"), own)
    assert found["high"] == runtime.limits(own, 0.05)[1]
    calibrated = model.detect(detector.calibration_rows_)
    # Of the calibration rows those above the k-th highest score.
    assert np.sum(calibrated["is_anomaly"]) == int(0.05 * (len(own) + 1)) - 1
    np.testing.assert_array_equal(calibrated["is_anomaly"], calibrated["p_value"] <= 0.05 + 1e-12)


def test_a_bundle_without_calibration_says_so(detector, tmp_path):
    kvae.export.bundle(
        detector.model_,
        tmp_path / "bundle",
        data=detector.calibration_rows_,
        presets=["float32"],
        signatures=["score"],
        measure=False,
    )
    with pytest.raises(ValueError, match="Expected a bundle with thresholds"):
        runtime.Model(tmp_path / "bundle").detect(detector.calibration_rows_)


def test_a_damaged_calibration_is_refused(exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    manifest["artefacts"][0]["calibration"]["high"] += 1.0
    with pytest.raises(runtime.BundleError, match="the limits are not those of the calibration"):
        runtime._parse_manifest(json.dumps(manifest).encode())
    manifest["artefacts"][0]["calibration"]["scores"] = [3.0, 1.0]
    with pytest.raises(runtime.BundleError, match="the calibration is not one"):
        runtime._parse_manifest(json.dumps(manifest).encode())
