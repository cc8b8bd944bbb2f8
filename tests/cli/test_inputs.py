"""Files of examples."""

import gzip

import numpy as np
import pytest

from kvae.cli.inputs import read_examples


def test_inputs_beside_x_are_read_by_name(tmp_path):
    x, classes = np.zeros((3, 2)), np.arange(3)
    np.savez(tmp_path / "data.npz", x_test=x, condition=classes, y_test=classes)
    found = read_examples(tmp_path / "data.npz", ["condition", "observed"])
    assert found.keys() == {"x", "condition"}
    np.testing.assert_array_equal(found["condition"], classes)
    assert read_examples(tmp_path / "data.npz", ["observed"]).shape == (3, 2)
    np.save(tmp_path / "data.npy", x)
    assert read_examples(tmp_path / "data.npy", ["condition"]).shape == (3, 2)


def test_a_compressed_file_is_said_to_be_one(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(ValueError, match=r"compressed \(gzip\): decompress it first"):
        read_examples(path)
