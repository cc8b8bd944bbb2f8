"""What values a likelihood accepts: checks, valid values from means, and the description."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from kvae.contract import Domain, InputSpec
from kvae.contract.failures import explained

PIXELS = Domain(0.0, 1.0, hint="Divide 8-bit pixels by 255.")
COUNTS = Domain(0.0, integer=True)
CLASSES = Domain(0.0, 2.0, integer=True, categories=3)
ONE_HOT = Domain(0.0, 1.0, integer=True, categories=3, one_hot=True)
ROW = Domain.row([("share", PIXELS), ("city", ONE_HOT), ("visits", COUNTS), ("height", Domain())])
DOMAINS = (PIXELS, COUNTS, CLASSES, ONE_HOT, ROW)
VALID = np.array([[0.2, 0, 1, 0, 7, -1.5], [1.0, 0, 0, 1, 0, 99.0]], "float32")


def test_a_domain_prints():
    assert str(Domain()) == "finite numbers"
    assert str(PIXELS) == "numbers in [0, 1]"
    assert str(COUNTS) == "whole numbers in [0, inf]"
    assert str(ONE_HOT) == "one-hot vectors of 3 classes"
    assert str(ROW).startswith("share: numbers in [0, 1]; city: one-hot")


def test_equal_domains_are_equal_and_hash_alike():
    assert {PIXELS, Domain(0.0, 1.0, hint=PIXELS.hint), COUNTS} == {PIXELS, COUNTS}
    assert hash(ROW) == hash(Domain.row(ROW.columns))


def in_graph(domain, value):
    """Check in a data pipeline, which knows a failed assertion alone."""
    dataset = tf.data.Dataset.from_tensors(value).map(lambda x: domain.check_in_graph(x, "x"))
    with explained():
        list(dataset)


def in_memory(domain, value):
    domain.check(value, "x")


WRONG = [
    (PIXELS, 1.5, r"x to hold numbers in \[0, 1\]. Received: values in \[0, 1.5\]. Divide"),
    (PIXELS, -0.1, r"x to hold numbers in \[0, 1\]. Received: values in \[-0.1, 0\]. Divide"),
    (PIXELS, np.nan, r"x to hold numbers in \[0, 1\]. Received: values that are NaN or infinite$"),
    (Domain(), -np.inf, r"x to hold finite numbers. Received: values that are NaN or infinite$"),
    (COUNTS, 1.5, r"x to hold whole numbers in \[0, inf\]. .*\[0, 1.5\], not all whole"),
    (CLASSES, 3.0, r"x to hold whole numbers in \[0, 2\]. Received: values in \[0, 3\]"),
]


@pytest.mark.parametrize("check", [in_memory, in_graph])
@pytest.mark.parametrize(("domain", "value", "message"), WRONG)
def test_one_wrong_element_is_found(domain, value, message, check):
    x = np.zeros((50, 4, 3), "float32")
    check(domain, x)
    x[31, 2, 1] = value
    with pytest.raises(ValueError, match=message):
        check(domain, x)


WRONG_COLUMNS = [
    (0, 1.5, r"x, column 0 \(share\), to hold numbers in \[0, 1\].*\[1, 1.5\]. Divide 8-bit"),
    (2, 0.0, r"x, column 1 \(city\), to hold one-hot vectors of 3 classes.*not one-hot"),
    (1, 1.0, r"x, column 1 \(city\), to hold one-hot vectors of 3 classes.*not one-hot"),
    (4, 0.5, r"x, column 2 \(visits\), to hold whole numbers in \[0, inf\].*not all whole"),
    (5, np.nan, r"x, column 3 \(height\), to hold finite numbers.*NaN or infinite"),
]


@pytest.mark.parametrize("check", [in_memory, in_graph])
@pytest.mark.parametrize(("element", "value", "message"), WRONG_COLUMNS)
def test_a_wrong_column_is_named(element, value, message, check):
    check(ROW, VALID)
    x = VALID.copy()
    x[0, element] = value
    with pytest.raises(ValueError, match=message):
        check(ROW, x)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_every_dtype_of_numbers_is_checked(dtype):
    x = np.ones((3, 2), dtype)
    for check in (in_memory, in_graph):
        check(COUNTS, x)
        if dtype != "bool":
            with pytest.raises(ValueError, match=r"\[0, 1\]. Received: values in \[1, 2\]"):
                check(PIXELS, x + np.array([0, 1], dtype))


@pytest.mark.parametrize("check", [in_memory, in_graph])
def test_values_are_compared_in_float32_which_the_model_reads(check):
    """A MinMaxScaler maps the greatest value of a column to 1.0000000000000002, for example."""
    check(PIXELS, np.array([[0.0, 1.0000000000000002]]))
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        check(PIXELS, np.array([[0.0, 1.0000002]]))


def test_as_data_is_the_nearest_valid_value(rng):
    np.testing.assert_array_equal(PIXELS.as_data(np.array([-0.1, 0.4, 1.2])), [0.0, 0.4, 1.0])
    np.testing.assert_array_equal(COUNTS.as_data(np.array([-1.0, 1.4, 1e6])), [0.0, 1.0, 1e6])
    np.testing.assert_array_equal(ONE_HOT.as_data(np.array([[0.2, 0.3, 0.5]])), [[0, 0, 1]])
    for domain, width in ((PIXELS, 4), (COUNTS, 4), (CLASSES, 4), (ONE_HOT, 3), (ROW, ROW.width)):
        mean = 3.0 * rng.normal(size=(20, width)).astype("float32")
        data = domain.as_data(mean)
        assert data.shape == mean.shape
        assert data.dtype == mean.dtype
        domain.check(data, "data")
        np.testing.assert_array_equal(domain.as_data(data), data)


def test_as_data_rounds_the_columns_of_whole_numbers_alone():
    """A row was rounded only where all of its columns hold whole numbers."""
    mean = np.array([[0.3, 0.2, 0.5, 0.3, 2.6, 1.25]])
    np.testing.assert_array_equal(ROW.as_data(mean), [[0.3, 0, 1, 0, 3, 1.25]])


def test_the_description_is_json_and_tells_domains_apart():
    described = [
        json.dumps(domain.describe()) for domain in (PIXELS, COUNTS, CLASSES, ONE_HOT, ROW)
    ]
    assert len(set(described)) == 5
    row = json.loads(described[-1])
    assert [column["name"] for column in row["columns"]] == ["share", "city", "visits", "height"]
    assert row["columns"][1]["one_hot"]
    assert row["columns"][1]["categories"] == 3
    counts = json.loads(described[1])
    assert (counts["low"], counts["high"], counts["integer"]) == (0.0, None, True)


def test_an_input_is_cast_to_the_dtype_of_keras_floats():
    spec = InputSpec((3,))
    assert spec.check(np.zeros((2, 3)), "x").dtype == np.float32
    assert spec.check(np.zeros((2, 3), "float16"), "x").dtype == np.float16
    assert spec.check([[1, 2, 3]], "x").shape == (1, 3)


def test_an_array_in_memory_is_not_copied():
    x = np.zeros((4, 3), "float32")
    assert InputSpec((3,)).check(x, "x") is x


def test_what_float32_cannot_hold_is_refused():
    x = np.zeros((4, 3))
    x[2, 1] = 1e39
    with pytest.raises(ValueError, match="Received: values that are beyond float32"):
        InputSpec((3,)).check(x, "x")


def missing(domain):
    return dataclasses.replace(domain, missing=True)


@pytest.mark.parametrize("check", [in_memory, in_graph])
@pytest.mark.parametrize("domain", [*DOMAINS, Domain()])
def test_where_missing_is_valid_nan_is_and_what_is_observed_is_checked(domain, check):
    x = VALID if domain is ROW else np.eye(3, dtype="float32")
    gaps = x.copy()
    gaps[0] = np.nan
    check(domain, x)
    with pytest.raises(ValueError, match="NaN or infinite"):
        check(domain, gaps)
    for valid in (x, gaps, np.full_like(x, np.nan)):
        check(missing(domain), valid)
    wrong = gaps.copy()
    wrong[1] = np.inf
    with pytest.raises(ValueError, match=r"where not observed. Received: values that are inf"):
        check(missing(domain), wrong)


@pytest.mark.parametrize("check", [in_memory, in_graph])
@pytest.mark.parametrize(("domain", "value", "message"), [case for case in WRONG if case[1] == 1.5])
def test_one_wrong_element_among_missing_ones_is_found(domain, value, message, check):
    x = np.full((50, 4, 3), np.nan, "float32")
    x[7, 2, 1] = value
    with pytest.raises(ValueError, match=r"or NaN where not observed. Received: values in"):
        check(missing(domain), x)


@pytest.mark.parametrize("check", [in_memory, in_graph])
def test_a_part_of_a_one_hot_vector_cannot_be_missing(check):
    row = VALID.copy()
    row[0, 2] = np.nan
    with pytest.raises(ValueError, match=r"column 1 \(city\), to hold one-hot .*, not one-hot"):
        check(missing(ROW), row)


def test_missing_values_are_described_for_all_columns():
    assert [ROW.describe()["missing"], missing(ROW).describe()["missing"]] == [False, True]
    assert all(column["missing"] for column in missing(ROW).describe()["columns"])
    assert str(missing(PIXELS)) == "numbers in [0, 1], or NaN where not observed"
    assert "city: one-hot vectors of 3 classes, or NaN" in str(missing(ROW))
    assert not missing(Domain(0.0, 255.0, integer=True)).is_8_bit  # a byte holds no NaN


def test_the_bounds_of_a_row_are_those_of_its_elements():
    assert PIXELS.bounds() == (0.0, 1.0)
    low, high = ROW.bounds()
    np.testing.assert_array_equal(low, [0, 0, 0, 0, 0, -np.inf])
    np.testing.assert_array_equal(high, [1, 1, 1, 1, np.inf, np.inf])


def test_the_graph_of_a_check_does_not_grow_with_the_columns():
    def operations(columns):
        parts = [(f"a{index}", COUNTS if index % 2 else PIXELS) for index in range(columns)]
        row = dataclasses.replace(Domain.row(parts), missing=True)
        function = tf.function(lambda x: row.check_in_graph(x, "x"))
        graph = function.get_concrete_function(tf.TensorSpec((None, columns))).graph
        return len(graph.get_operations())

    assert operations(200) == operations(2)
