"""What the other tests compare with and how they are handed out."""

import numpy as np
import pytest

from tests.conftest import TOGETHER
from tests.helpers import ROOT, assert_same_in_float32

ROUNDED = np.float32([1.0, -250.0, 0.0])


def test_the_order_of_float32_additions_is_no_difference():
    terms = np.random.default_rng(0).normal(size=(50, 64)).astype("float32")
    assert_same_in_float32(terms.sum(axis=1), np.cumsum(terms, axis=1)[:, -1])
    assert_same_in_float32(np.nextafter(ROUNDED, np.float32(np.inf)), ROUNDED)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ROUNDED * np.float32(1.0001), ROUNDED),
        (ROUNDED[:2], ROUNDED),
        (ROUNDED.astype("float64"), ROUNDED),
        (np.float32([np.nan]), np.float32([1.0])),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.001]}),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}),
        ({"a": "untrained"}, {"a": "collapsed"}),
        ([1.0], [1.0, 2.0]),
        (None, "x"),
    ],
    ids=str,
)
def test_a_real_difference_is_one(found, expected):
    with pytest.raises(AssertionError):
        assert_same_in_float32(found, expected)


@pytest.mark.parametrize("start", TOGETHER)
def test_what_is_handed_out_together_is_there(start):
    file, *function = start.split("::")
    assert (ROOT / file).exists()
    if function:
        name = function[0].split("[")[0]
        assert f"def {name}" in (ROOT / file).read_text("utf-8")
