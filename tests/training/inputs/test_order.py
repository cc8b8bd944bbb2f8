"""Which examples make up which batch."""

import numpy as np
import pytest

from kvae.training.inputs import Order


def epoch(order):
    return [order.rows(batch).tolist() for batch in range(order.batches)]


def flat(batches):
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize(("examples", "batch_size"), [(1, 1), (1, 8), (7, 3), (64, 8), (1000, 128)])
def test_every_example_comes_once_an_epoch(examples, batch_size):
    order = Order(examples, batch_size, shuffle=True, seed=3)
    for _ in range(3):
        batches = epoch(order)
        assert {len(batch) for batch in batches[:-1]} <= {batch_size}
        assert sorted(flat(batches)) == list(range(examples))


def test_an_epochs_order_depends_on_seed_and_epoch_alone():
    one = Order(100, 8, shuffle=True, seed=3)
    epochs = [epoch(one) for _ in range(4)]
    other = Order(100, 8, shuffle=True, seed=3)
    for number in (2, 0, 3, 1):
        other.seek(number)
        assert epoch(other) == epochs[number]
    orders = {tuple(flat(each)) for each in epochs}
    assert len(orders) == 4
    assert tuple(flat(epoch(Order(100, 8, shuffle=True, seed=4)))) not in orders


def test_batches_before_a_break_are_empty_and_those_after_it_the_same():
    whole = Order(20, 4, shuffle=True, seed=1)
    whole.seek(2)
    expected = epoch(whole)
    broken = Order(20, 4, shuffle=True, seed=1)
    broken.seek(2, skip=3)
    assert epoch(broken) == [[], [], [], *expected[3:]]
    broken.seek(3)
    assert all(epoch(broken))


def test_neighbouring_epochs_have_nothing_to_do_with_each_other():
    """Four standard deviations of the correlation of independent orders of 10,000."""
    order = Order(10_000, 10_000, shuffle=True, seed=7)
    rows = np.array([epoch(order)[0] for _ in range(4)] + [np.arange(10_000)])
    correlations = np.corrcoef(rows)[np.triu_indices(5, 1)]
    assert np.max(np.abs(correlations)) < 4 / np.sqrt(10_000)


def test_epochs_of_fewer_batches_than_a_pass_begin_where_the_last_one_ended():
    passes = Order(10, 2, shuffle=True, seed=5)
    rows = flat(epoch(passes) + epoch(passes) + epoch(passes))
    parts = Order(10, 2, shuffle=True, seed=5, batches=3)
    assert flat(epoch(parts) + epoch(parts) + epoch(parts)) == rows[:18]
    parts.seek(1)
    assert flat(epoch(parts)) == rows[6:12]


def test_the_order_is_the_same_in_every_version():
    """A run may be taken up again after an update of NumPy."""
    assert Order(8, 8, shuffle=True, seed=0).rows(0).tolist() == [6, 3, 5, 0, 7, 2, 1, 4]
