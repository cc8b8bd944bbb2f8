"""The parts of a batch are the batch: each example is in one part and counts once."""

import numpy as np
import pytest

from kvae.training.inputs.parts import rows_of_part


@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
@pytest.mark.parametrize("examples", [1, 2, 7, 16])
def test_each_example_is_in_one_part(examples, replicas):
    rows = np.random.default_rng(0).permutation(100)[:examples]
    parts = [rows_of_part(rows, replica, replicas) for replica in range(replicas)]
    counts = [count for _, count in parts]
    assert max(counts) - min(counts) <= 1
    np.testing.assert_array_equal(np.concatenate([own[:count] for own, count in parts]), rows)
    for own, count in parts:
        assert len(own) == max(count, 1), "a part without an example holds one to compute with"
        assert count or own.tolist() == [rows[0]]


def test_a_skipped_batch_has_empty_parts():
    own, count = rows_of_part(np.zeros(0, "int64"), replica=1, replicas=2)
    assert (len(own), count) == (0, 0)
