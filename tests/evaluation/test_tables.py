"""Synthetic rows of tables: cases whose answers are known. `TableQuality` tests the rest."""

import numpy as np
import pandas as pd
import pytest

import kvae
from kvae.evaluation import nearest_rows, train_on_synthetic
from kvae.evaluation.table_rows import rows_of


def people(rows, seed, shuffled=False):
    """Return people whose sex is known from their height; not if it is shuffled."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], rows, p=[0.7, 0.3])
    height = rng.uniform(150.0, 170.0, rows) + 30.0 * (sex == "M")
    if shuffled:
        sex = rng.permutation(sex)
    return pd.DataFrame({"sex": sex, "height": height, "number": np.arange(rows)})


def test_rows_that_hold_the_rule_teach_it_and_shuffled_ones_do_not():
    task = train_on_synthetic(people(200, 0), people(400, 1), people(200, 2, True), "sex")
    assert (task.real_auc, task.real_f1) == (1.0, 1.0)
    assert task.synthetic_auc == pytest.approx(0.5, abs=0.15)


def test_a_class_of_one_row_among_many_rows():
    """Above 10,000 rows scikit-learn's classifier stops early, on rows of every class."""
    frame = people(10_500, 0)[["sex", "height"]]
    frame.loc[5, "sex"] = "X"
    task = train_on_synthetic(frame, people(400, 1)[["sex", "height"]], frame, "sex")
    assert min(task.real_auc, task.synthetic_auc) > 0.99


def test_frames_and_arrays_of_their_schema_are_the_same():
    train, test = people(40, 0), people(30, 1)
    schema = kvae.data.TableSchema.infer(train, ids="drop")
    arrays = schema.to_array(train), schema.to_array(test)
    _, found = rows_of(None, train=train, test=test)
    _, same = rows_of(schema, train=arrays[0], test=arrays[1])
    for each in (found, same):
        np.testing.assert_array_equal(each[0], arrays[0])
        np.testing.assert_array_equal(each[1], arrays[1])


def test_the_share_of_copies_is_that_of_the_rows_that_were_copied():
    train, test = people(100, 0), people(80, 1)
    made = pd.concat([people(60, 2), train[:20]])
    found = nearest_rows(train, test, made)
    assert (found.synthetic_copies, found.held_out_copies) == (0.25, 0.0)
    assert nearest_rows(train, test, test).synthetic_low == found.held_out_low


@pytest.mark.parametrize(
    ("sex", "height", "distance"),
    [
        ("F", 3.0, 0.0),
        ("M", 3.0, 1.0),  # another class
        (
            "F",
            3.5,
            0.05,
        ),  # above four of ten rows; the next of them has 3.5 of ten below its middle
        ("M", 3.5, np.hypot(1.0, 0.05)),
        (
            "F",
            np.nan,
            np.hypot(1.0, 0.05),
        ),  # a missing value is in the middle, and 1 from any other
        ("M", np.nan, np.sqrt(2.0 + 0.05**2)),
    ],
)
def test_the_distance_of_a_row_to_the_nearest_one(sex, height, distance):
    train = pd.DataFrame({"sex": ["F"] * 10, "height": np.arange(10.0)})
    made = pd.DataFrame({"sex": [sex] * 2, "height": [height] * 2})
    schema = kvae.data.TableSchema.infer(
        pd.concat([train, pd.DataFrame({"sex": ["M"] * 20, "height": [0.5] * 19 + [np.nan]})]),
        overrides={"height": "number"},
    )
    found = nearest_rows(train, train, made, schema)
    assert found.synthetic_median == pytest.approx(distance, abs=1e-6)
    assert found.synthetic_low == pytest.approx(distance, abs=1e-6)


def test_tables_that_do_not_fit_are_refused():
    x = people(100, 0)
    with pytest.raises(ValueError, match="Expected a schema, or DataFrames"):
        nearest_rows(x.to_numpy(), x, x)
    with pytest.raises(ValueError, match="Expected synthetic to hold at least two rows"):
        nearest_rows(x, x, x[:1])
    with pytest.raises(ValueError, match="Expected target to be one of the columns of classes"):
        train_on_synthetic(x, x, x, "height")


@pytest.mark.parametrize("one", ["train", "test", "synthetic"])
def test_a_table_of_one_row_is_named(one):
    """Its columns are constant, which is not what is wrong."""
    frame = pd.DataFrame({"size": ["S", "M"] * 20, "weight": np.arange(40.0)})
    tables = dict.fromkeys(("train", "test", "synthetic"), frame)
    with pytest.raises(ValueError, match=f"Expected {one} to hold at least two rows. Received: 1"):
        train_on_synthetic(**{**tables, one: frame[:1]}, target="size")


def test_a_schema_of_another_kind_is_refused():
    frame = pd.DataFrame({"size": ["S", "M"] * 20})
    for schema in ("schema.json", {}):
        with pytest.raises(ValueError, match=r"Expected schema to be a kvae\.data\.Tab"):
            nearest_rows(frame, frame, frame, schema)
