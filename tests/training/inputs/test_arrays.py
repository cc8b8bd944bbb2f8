"""Batches gathered from arrays in memory and from mapped files."""

import time

import numpy as np
import pytest
import tensorflow as tf

from kvae.contract import Domain, InputSpec, mapped
from kvae.training.inputs import Inputs, Order, TrainingData
from kvae.training.inputs.arrays import ArrayFeed

ANYTHING = InputSpec((3,))


def batches(x, **arguments):
    order = Order(len(x), **{"batch_size": 8} | arguments)
    return [np.asarray(batch) for (batch,) in ArrayFeed((x,), order).dataset]


@pytest.fixture
def file(tmp_path):
    """A mapped file of 20 rows."""
    array = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float64", (20, 3))
    array[:] = np.arange(60.0).reshape(20, 3)
    array.flush()
    return tmp_path / "x.npy"


def test_bytes_stay_bytes_and_wide_floats_become_keras_floats():
    for given, fed in (("uint8", tf.uint8), (">f4", tf.float32), ("float64", tf.float32)):
        x = np.arange(9).reshape(3, 3).astype(given)
        dataset = ArrayFeed((x,), Order(3, 2)).dataset
        assert dataset.element_spec == (tf.TensorSpec((None, 3), fed),)
        np.testing.assert_array_equal(np.concatenate(batches(x)), x)


def test_arrays_in_memory_are_not_copied():
    x = np.zeros((4, 3), "float32")
    fed = ArrayFeed((x,), Order(4, 4))
    x[:] = 7.0
    (batch,) = next(iter(fed.dataset))
    assert np.all(batch == 7.0)


@pytest.mark.parametrize(("columns", "ahead"), [(1, 64), (2**20, 4)])
def test_batches_are_gathered_ahead_as_far_as_they_are_small(columns, ahead):
    class Counted(ArrayFeed):
        gathered = 0

        def gather(self, batch):
            self.gathered += 1
            return super().gather(batch)

    x = np.broadcast_to(np.float32(0.0), (100, columns))
    fed = Counted((x,), Order(100, 1))
    iterator = iter(fed.dataset)
    next(iterator)
    end = time.monotonic() + 30.0
    while fed.gathered <= ahead and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)
    assert 1 + ahead <= fed.gathered <= 2 + ahead


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_mapped_file_is_fed_as_an_array_is(file, mode):
    x = np.load(file, mmap_mode=mode)
    checked = ANYTHING.check(x, "x")
    assert isinstance(checked, np.memmap)
    expected = np.arange(60.0).reshape(20, 3)
    for found, wanted in zip(
        batches(checked[2:], shuffle=True, seed=1),
        batches(expected[2:], shuffle=True, seed=1),
        strict=True,
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted[np.argsort(wanted[:, 0])])  # read in order


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_letting_go_of_pages_loses_no_change(file, mode):
    """Of a copy-on-write mapping as well, whose changes are in memory alone."""
    x = np.load(file, mmap_mode=mode)
    x[3] = -1.0
    released = mapped.Released(x)
    released.read(10**6)  # more rows than are held on to
    assert np.all(x[3] == -1.0)


def test_a_large_batch_of_a_mapped_file_is_read_in_pieces(file, monkeypatch):
    """Else the pages around all its rows are in memory at once: 8 GB of 4096 random rows."""
    monkeypatch.setattr(mapped, "PAGES_AROUND", 0)
    monkeypatch.setattr(mapped, "HELD_BYTES", 100)  # four rows
    x = np.load(file, mmap_mode="r")
    released = mapped.Released(x)
    held = []

    class Watched:
        def madvise(self, advice):
            held.append(released.touched)

    released.mapping = Watched()
    rows = np.array([1, 2, 5, 7, 8, 11, 13, 17, 19])
    np.testing.assert_array_equal(released.take(rows), np.asarray(x)[rows])
    assert held == [8 * 24]  # of the eighth row, the ninth is held still


def test_a_mapped_file_is_checked_in_chunks(file, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK_BYTES", 100)  # four rows
    x = np.load(file, mmap_mode="r+")
    assert [len(chunk) for chunk in mapped.chunks(x)] == [4] * 5
    x[17, 1] = np.nan
    with pytest.raises(ValueError, match=r"to hold finite numbers\. Received: values that are NaN"):
        ANYTHING.check(x, "x")
    x[17, 1] = 1e6
    small = InputSpec((3,), domain=Domain(0.0, 100.0))
    with pytest.raises(ValueError, match=r"values in \[0, 1e\+06\]"):
        small.check(x, "x")
    x[17, 1] = 2.5
    whole = InputSpec((3,), domain=Domain(0.0, integer=True))
    with pytest.raises(ValueError, match=r"values in \[0, 59\], not all whole"):
        whole.check(x, "x")


def test_an_iteration_that_was_left_does_not_disturb_the_next(file):
    x = np.load(file)
    data = TrainingData.of(Inputs({"x": ANYTHING}), x, batch_size=2, shuffle=True)
    for _ in range(3):
        left = iter(data.x)
        next(left)
        rows = np.concatenate([np.asarray(batch) for (batch,) in data.x])
        np.testing.assert_array_equal(np.sort(rows[:, 0]), x[:, 0])
