"""Bundles of models that are no plain VAE, run without TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest

import kvae
from kvae.contract import Domain
from kvae.export import runtime
from kvae.export.bundles import manifest
from tests.export.families import CLASSES, SHAPES, examples, make_conditional

PRESETS = ["float32", "int8"]


@pytest.fixture(scope="module")
def conditional_bundle(conditional, tmp_path_factory):
    path = tmp_path_factory.mktemp("conditional") / "bundle"
    kvae.export.bundle(conditional, path, data=examples(), presets=PRESETS, measure=False)
    return path


@pytest.mark.slow
def test_a_bundle_of_a_conditional_model_runs_with_its_condition(conditional, conditional_bundle):
    assert sorted(kvae.export.verify(conditional_bundle)) == sorted(PRESETS)
    data, model = examples(), runtime.Model(conditional_bundle)
    x, classes = data["x"], data["condition"]
    np.testing.assert_allclose(
        model.score(x, condition=classes), conditional.score(data), rtol=1e-5
    )
    for found, expected in zip(
        model.encode(x, condition=classes), conditional.encode(data), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct(x, condition=classes), conditional.reconstruct(data), atol=1e-5
    )
    z, kinds = np.zeros((CLASSES, 2), "float32"), np.arange(CLASSES)
    np.testing.assert_allclose(
        model.decode(z, condition=kinds), conditional.decode(z, condition=kinds), atol=1e-5
    )
    drawn = model.sample(CLASSES, seed=3, condition=kinds)
    expected = conditional.sample(CLASSES, seed=3, condition=kinds)
    np.testing.assert_allclose(drawn, expected, atol=1e-4)
    card = (conditional_bundle / "README.md").read_text("utf-8")
    assert "| condition | whole numbers in [0, 2] | 0 to 2 |" in card
    assert "model.sample(4, seed=1, condition=condition)" in card


@pytest.mark.slow
def test_the_domain_of_every_input_is_enforced(conditional, conditional_bundle):
    model, data = runtime.Model(conditional_bundle), examples(2)
    for wrong in ([0, CLASSES], [-1, 0], [0.5, 1.0]):
        bad = {**data, "condition": np.array(wrong)}
        with pytest.raises(ValueError, match="Expected condition to hold") as keras_says:
            conditional.score(bad)
        with pytest.raises(ValueError, match="Expected condition to hold") as runtime_says:
            model.score(bad["x"], condition=bad["condition"])
        assert str(runtime_says.value) == str(keras_says.value)
    with pytest.raises(ValueError, match=r"Expected the inputs \['condition', 'x'\]"):
        model.score(data["x"])
    with pytest.raises(ValueError, match="condition to have shape"):
        model.score(data["x"], condition=np.zeros((2, 1), int))
    with pytest.raises(ValueError, match="same number of rows"):
        model.score(data["x"], condition=[0])


@pytest.mark.slow
def test_the_runtime_of_a_conditional_bundle_runs_as_a_script(conditional_bundle):
    command = [sys.executable, conditional_bundle / "runtime.py", "3"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.startswith("one draw, shape (6,)")


@pytest.mark.slow
def test_a_bundle_of_a_hierarchy_has_no_axes(hierarchy, binary, tmp_path):
    path = tmp_path / "bundle"
    kvae.export.bundle(hierarchy, path, data=binary, presets=PRESETS, measure=True)
    kvae.export.verify(path)
    model = runtime.Model(path)
    told = model.manifest
    assert told["axes"] == []
    assert told["diagnosis"] is None
    assert told["model"]["latent_dim"] is None
    latents = told["model"]["latents"]
    assert {name: tuple(latent["shape"]) for name, latent in latents.items()} == SHAPES
    assert latents["z1"]["prior"] == "ConditionalNormal"
    np.testing.assert_allclose(model.score(binary), hierarchy.score(binary), rtol=1e-5)
    np.testing.assert_allclose(model.sample(4, seed=1), hierarchy.sample(4, seed=1), atol=1e-4)
    found, expected = model.encode(binary), hierarchy.encode(binary)
    np.testing.assert_allclose(found["z2_mean"], expected["z2"][0], atol=1e-5)


@pytest.mark.thorough
def test_figures_of_pictures_with_a_condition(tmp_path):
    model, data = make_conditional((8, 8, 1)), examples(event_shape=(8, 8, 1))
    names = ["sample", "reconstruct"]
    kvae.export.bundle(
        model, tmp_path / "b", data=data, presets=["float32"], signatures=names, measure=False
    )
    assert {file.name for file in (tmp_path / "b").glob("*.png")} == {
        "samples.png",
        "reconstructions.png",
    }


@pytest.mark.slow
def test_one_class_goes_with_all_windows_of_a_stream(conditional, conditional_bundle):
    model, x = runtime.Model(conditional_bundle), examples(2)["x"].ravel()
    stream = runtime.Stream(model, hop=6, condition=1)
    _, scores = stream.push(x)
    expected = conditional.score({"x": x.reshape(2, 6), "condition": [1, 1]})
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_nan_is_valid_where_elements_may_be_missing():
    pixels = {**Domain(0.0, 1.0).describe(), "missing": True}
    port = {"shape": [1, 2], "dtype": "float32"}
    x = np.array([[np.nan, 0.5], [np.nan, np.nan]], "float32")
    assert runtime._checked("x", x, port, pixels).shape == (2, 2)
    kinds = {**Domain(0, 1, categories=2, one_hot=True).describe(), "missing": True}
    runtime.check_domain(np.array([[np.nan, np.nan], [0.0, 1.0]]), kinds, "x")
    with pytest.raises(ValueError, match="not one-hot"):
        runtime.check_domain(np.array([[np.nan, 1.0]]), kinds, "x")
    for wrong, words in ((2.0, r"Received: values in \[0.5, 2\]"), (np.inf, "to be finite")):
        with pytest.raises(ValueError, match=words):
            runtime._checked("x", np.array([[np.nan, 0.5], [0.5, wrong]]), port, pixels)
    with pytest.raises(ValueError, match="to be finite"):
        runtime._checked("x", x, port, {**pixels, "missing": False})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_domain_of_any_number_has_finite_ones(value):
    x = np.array([[0.5, value]], "float32")
    with pytest.raises(ValueError, match="Received: values that are NaN or infinite"):
        Domain().check(x, "x")
    with pytest.raises(ValueError, match="Expected x to be finite"):
        runtime.check_domain(x, Domain().describe(), "x")


def test_ranges_leave_out_what_is_missing():
    x = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]], "float32")
    row = Domain.row([("a", Domain()), ("b", Domain())]).describe()
    found = manifest._ranges(x, row)
    assert found == [{"low": 1.0, "high": 3.0}, {"low": None, "high": None}]
