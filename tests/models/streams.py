"""Data of every form that `fit` takes, for tests of what happens to it."""

import keras
import tensorflow as tf

SIZE = 8


class Batches(keras.utils.PyDataset):
    """Arrays in batches; (x, y, sample_weight) as far as there are so many."""

    def __init__(self, *arrays, size=SIZE):
        super().__init__()
        self.arrays, self.size = arrays, size

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return tuple(array[rows] for array in self.arrays)


class Loader:
    """An iterable of batches, neither a list nor an iterator, as PyTorch's data loader is one."""

    def __init__(self, *arrays):
        self.batches = Batches(*arrays)

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (self.batches[index] for index in range(len(self)))


def generator(*arrays):
    """Yield the batches once."""
    yield from Loader(*arrays)


STREAMS = {
    "tf.data": lambda *arrays: tf.data.Dataset.from_tensor_slices(arrays).batch(SIZE),
    "PyDataset": Batches,
    "generator": generator,
    "iterable": Loader,
}
