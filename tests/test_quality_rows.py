"""The rows of benchmarks/quality.py can be trained, and the page says what was measured."""

import dataclasses
import importlib
import json

import numpy as np
import pytest

from tests.helpers import ROOT


@pytest.fixture(scope="module")
def quality():
    """The modules of benchmarks/quality_rows, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        names = ("data", "page", "recipe", "rows", "run")
        yield {name: importlib.import_module(f"quality_rows.{name}") for name in names}


ROWS = [
    "static-vae", "static-iwae", "static-vamp", "static-flow", "static-two-layers",
    "static-conv-flow", "static-conv-ladder", "dynamic-vae", "dynamic-vae-burda",
    "dynamic-iwae-burda", "dynamic-vamp", "fashion-vae", "fashion-vamp",
]  # fmt: skip


PARTS = {88.0: "nothing", 89.5: "average"}


def test_every_row_is_listed_here(quality):
    assert list(quality["rows"].ROWS) == ROWS


@pytest.mark.parametrize("name", ROWS)
def test_a_row_trains(name, quality, rng):
    row = quality["rows"].ROWS[name]
    short = dataclasses.replace(row.recipe, epochs=1, batch_size=4, warm_up=0.5)
    row = row.trained(short)
    x = (rng.random((8, 28, 28, 1)) < 0.3).astype("uint8")
    model = quality["run"].build(row, x)
    model.run_eagerly = True
    before = [np.array(variable) for variable in model.trainable_variables]
    history = quality["run"].train(row, model, x, 0, [], validation_data=x).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["val_elbo"]).all()
    after = [np.array(variable) for variable in model.trainable_variables]
    assert sum((one != other).any() for one, other in zip(before, after, strict=True)) > 4


def test_dynamic_pixels_are_drawn_anew_in_each_epoch_with_their_probabilities(quality, rng):
    x = np.repeat(rng.random((1, 3, 3, 1)).astype("float32"), 4_000, axis=0)
    batches = quality["data"].Binarized(x, batch_size=2_000)
    first = np.concatenate([batches[index] for index in range(len(batches))])
    np.testing.assert_array_equal(first[:2_000], batches[0])
    batches.seek(1)
    second = np.concatenate([batches[index] for index in range(len(batches))])
    assert (first != second).any()
    for drawn in (first, second):
        assert set(np.unique(drawn)) == {0.0, 1.0}
        np.testing.assert_allclose(drawn.mean(axis=0), x[0], atol=5.0 * 0.5 / np.sqrt(4_000))


def test_dynamic_pixels_follow_the_epochs_of_a_training(quality, rng, monkeypatch):
    seen = set()

    class Noting(quality["data"].Binarized):
        def __getitem__(self, index):
            seen.add((self.epoch, index))
            return super().__getitem__(index)

    monkeypatch.setattr(quality["run"], "Binarized", Noting)
    x = rng.random((8, 28, 28, 1)).astype("float32")
    recipe = quality["recipe"].Recipe(epochs=4, batch_size=4, warm_up=0.0)
    row = quality["rows"].ROWS["dynamic-vae"].trained(recipe)
    model = quality["run"].build(row, x)
    model.run_eagerly = True
    quality["run"].train(row, model, x, seed=0, callbacks=[], epochs=2)
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}
    seen.clear()
    quality["run"].train(row, model, x, seed=0, callbacks=[], initial_epoch=2, epochs=3)
    assert seen >= {(2, 0), (2, 1)}


@pytest.mark.slow
def test_a_run_is_resumed_and_written_to_the_page(quality, tmp_path, monkeypatch, rng):
    rows = quality["rows"].ROWS
    parts = [(rng.random((size, 28, 28, 1)) < 0.3).astype("uint8") for size in (40, 10, 10)]
    monkeypatch.setattr(quality["data"].DataSet, "read", lambda self, folder: parts)

    def result(minutes, epochs=3):
        recipe = quality["recipe"].Recipe(epochs, batch_size=20)
        row = rows["static-vae"].trained(recipe)
        done = quality["run"].run(
            row, tmp_path, tmp_path / "run", minutes=minutes, samples=3, examples=6
        )
        return {"command": "python run", "without": None, **done}

    over = 1e-9
    assert result(over)["epochs"] == 1
    assert result(over)["epochs"] == 1, "its minutes are over"
    found = result(60.0)
    assert found["epochs"] == len(found["curve"]) == 3
    assert len(json.dumps(found)) < 4_000
    with pytest.raises(ValueError, match="Expected the recipe of the run"):
        result(60.0, epochs=4)

    text = quality["page"].page(rows, [found])
    lines = [line for line in text.split("## Data")[0].splitlines() if "MNIST" in line]
    assert len(lines) == len(rows)
    assert "| `python run` |" in lines[0]
    assert f"open by {found['nats'] - 89.0:.2f}" in lines[0]
    assert all("not run yet" in line for line in lines[1:])
    assert "    python run" in text

    met = quality["page"].page(rows, [{**found, "nats": 88.9}])
    assert met.count("| met |") == 1
    # Runs without a part of the recipe are in a table of their own.
    whole, part = ({**found, "nats": nats, "without": part} for nats, part in PARTS.items())
    text = quality["page"].page(rows, [whole, part])
    assert "| met |" not in text
    assert "| +1.50 |" in text


def test_a_result_of_other_data_is_refused(quality):
    with pytest.raises(ValueError, match="Expected results of the rows"):
        quality["page"].page(quality["rows"].ROWS, [{"row": "static-vae", "sha256": "0"}])


def test_a_file_of_another_digest_is_refused(quality, tmp_path):
    data = quality["data"].STATIC_MNIST
    (tmp_path / data.file).write_bytes(b"other")
    with pytest.raises(ValueError, match="with SHA-256"):
        data.read(tmp_path)
