"""What the other tests compare with: rounding passes, anything more is a difference."""

import numpy as np
import pytest

from tests.helpers import assert_same_in_float32

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
