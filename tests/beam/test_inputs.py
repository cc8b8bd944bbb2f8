"""Signatures of several inputs: a condition beside x, and missing values."""

import keras
import numpy as np
import pyarrow as pa
import pytest

import kvae
from kvae.export.beam import BundleHandler, Score, tables
from tests.beam.pipelines import lists, read, run
from tests.export.families import examples, make_conditional


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A conditional model and its bundle."""
    keras.utils.set_random_seed(0)
    model, path = make_conditional(), tmp_path_factory.mktemp("conditional") / "bundle"
    kvae.export.bundle(
        model, path, data=examples(), presets=["float32"], signatures=["score"], measure=False
    )
    return model, path


def rows(**columns):
    data = examples()
    return pa.table({"id": np.arange(len(data["x"])), "x": lists(data["x"]), **columns})


def test_a_condition_has_a_column_of_its_name_or_another(conditional, tmp_path):
    import apache_beam as beam

    from kvae.export.beam import WriteToParquet

    model, path = conditional
    classes = examples()["condition"]
    for name, others in (("condition", None), ("label", {"condition": "label"})):
        table = rows(**{name: classes})
        out = tmp_path / name
        run(beam.Create([table]), Score(path, others=others), WriteToParquet(str(out)))
        found = read(tmp_path, f"{name}-*")
        assert name not in found.column_names
        np.testing.assert_allclose(found["score"], model.score(examples()), rtol=1e-5)


def test_a_class_outside_the_domain_is_refused_as_in_keras(conditional):
    model, path = conditional
    classes = np.full(40, 3)
    with pytest.raises(ValueError, match="Expected condition to hold") as keras_says:
        model.score({**examples(), "condition": classes})
    handler = BundleHandler(path, "score")
    with pytest.raises(ValueError, match="Expected condition to hold") as beam_says:
        handler.run_inference([rows(condition=classes)], handler.load_model())
    assert str(beam_says.value) == str(keras_says.value)


@pytest.mark.parametrize("columns", ["x", ["a", "b"]])
def test_missing_values_are_nan_where_the_model_takes_them(columns):
    table = pa.table({"x": [[1.0, None], [np.nan, 2.0]], "a": [1, None], "b": [None, 2]})
    found = tables.read(table, columns, "x", (2,), "float32", missing=True)
    np.testing.assert_array_equal(np.isnan(found), [[False, True], [True, False]])
    with pytest.raises(ValueError, match="a missing number in row"):
        tables.read(table, columns, "x", (2,), "float32")
    infinite = pa.table({"x": [[np.inf, None]]})
    with pytest.raises(ValueError, match="Received: inf in row 0"):
        tables.read(infinite, "x", "x", (2,), "float32", missing=True)


@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 0.5), ("uint8", 300.0), ("uint8", -1.0), ("int32", 0.5)]
)
def test_whole_numbers_are_neither_cut_nor_wrapped(dtype, value):
    table = pa.table({"x": [7.0, value]})
    with pytest.raises(ValueError, match=rf"numbers of {dtype} in .*Received: {value} in row 1"):
        tables.read(table, "x", "x", (1,), dtype)
