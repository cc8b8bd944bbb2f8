"""Rows with hidden values."""

import numpy as np
import pytest

from kvae.estimators.hidden_values import with_hidden_values


@pytest.fixture
def table():
    """Rows whose values tell the row and the column; some have gaps."""
    x = np.arange(40_000, dtype=float).reshape(8_000, 5)
    x[::4, 1] = np.nan
    x[::8, :4] = np.nan  # one value left
    return x


def test_every_number_of_values_is_hidden_evenly_and_one_is_left(table):
    rows = with_hidden_values(table, 1.0, np.random.RandomState(0))
    assert len(rows) == 7_000  # those with at least two values
    assert not np.isnan(rows).all(axis=1).any()
    whole = rows[~np.isin(np.nanmin(rows, axis=1) // 5, np.arange(0, 8_000, 4))]
    counts = np.bincount(np.isnan(whole).sum(axis=1), minlength=6)
    assert counts[0] == counts[5] == 0
    np.testing.assert_allclose(counts[1:5] / len(whole), 0.25, atol=0.03)
    np.testing.assert_allclose(np.isnan(whole).mean(axis=0), 0.5, atol=0.03)


def test_what_is_not_hidden_is_a_row_of_the_table(table):
    rows = with_hidden_values(table, 2.0, np.random.RandomState(0))
    places = (np.nanmin(rows, axis=1) // 5).astype(int)
    np.testing.assert_array_equal(np.bincount(places)[places], 2)  # each row twice
    known = ~np.isnan(rows)
    np.testing.assert_array_equal(rows[known], table[places][known])
    assert np.isnan(rows)[np.isnan(table[places])].all()


@pytest.mark.parametrize(("times", "count"), [(0.0, 0), (0.25, 25), (1.5, 150)])
def test_so_many_rows_are_returned(times, count):
    rows = with_hidden_values(np.ones((100, 3)), times, np.random.RandomState(0))
    assert rows.shape == (count, 3)
    assert not len(with_hidden_values(np.ones((100, 1)), times, np.random.RandomState(0)))
