"""The data sets of the quality record: a file, its digest, and how it is split and binarized."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

EVENT = (28, 28, 1)
TEST_SEED = 777  # of the binarization of test and validation sets, which stay the same


@dataclass(frozen=True)
class DataSet:
    """A file of pictures and its protocol.

    Attributes:
        title: name in the page.
        file: name of the file in the data folder.
        sha256: its digest.
        protocol: split and binarization in words.
        dynamic: whether each epoch draws the training pixels anew from their intensities.
    """

    title: str
    file: str
    sha256: str
    protocol: str
    dynamic: bool = False

    def read(self, folder: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return training, validation and test set; all but dynamic training sets are binary.

        Raises:
            ValueError: If the file is not the one of the digest.
        """
        path = Path(folder) / self.file
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise ValueError(f"Expected {path} with SHA-256 {self.sha256}. Received: {found}")
        with np.load(path) as arrays:
            if "train" in arrays:
                return unpacked(arrays)
            pixels, test = arrays["x_train"][..., None], arrays["x_test"][..., None]
        draws = np.random.default_rng(TEST_SEED)
        train, valid = pixels[:50_000], pixels[50_000:]
        return intensities(train), binarized(valid, draws), binarized(test, draws)


def unpacked(arrays: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the statically binarized MNIST of an archive of packed bits, zeros and ones."""
    train, valid, test = (
        np.unpackbits(arrays[name], axis=-1).reshape(-1, *EVENT)
        for name in ("train", "valid", "test")
    )
    return train, valid, test


def intensities(pixels: np.ndarray) -> np.ndarray:
    """Return 8-bit pixels as probabilities."""
    return pixels.astype("float32") / np.float32(255.0)


def binarized(pixels: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Return pixels drawn once with their intensities as probabilities, uint8."""
    return (draws.random(pixels.shape, "float32") < intensities(pixels)).astype("uint8")


class Binarized(keras.utils.PyDataset):
    """Batches whose pixels and order are drawn anew in each epoch; needs its `callback`.

    Args:
        x: probabilities, (examples, ...).
        batch_size: examples in a batch.
        seed: int, seeds order and pixels.
    """

    def __init__(self, x: np.ndarray, batch_size: int, seed: int = 0):
        super().__init__()
        self.x, self.batch_size, self.seed = x, batch_size, seed
        self.seek(0)

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, index: int) -> np.ndarray:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x = self.x[rows]
        draws = np.random.default_rng([self.seed, self.epoch, index])
        return (draws.random(x.shape, "float32") < x).astype("float32")

    def seek(self, epoch: int) -> None:
        """Draw the order and the pixels of an epoch."""
        self.epoch = epoch
        self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.x))

    def callback(self) -> keras.callbacks.Callback:
        """Return a callback for `fit`, which says the epoch, of a resumed training as well."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self.seek(epoch))


STATIC_MNIST = DataSet(
    "static MNIST",
    "binarized_mnist.npz",
    "50de2c8299a5a297789293ab2c30f6fc3cb8c359a15e5e88d5501aa18ebb8fa5",
    "binarized once by Larochelle; 50,000 / 10,000 / 10,000",
)
DYNAMIC_MNIST = DataSet(
    "dynamic MNIST",
    "mnist.npz",
    "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
    "training pixels drawn anew in each epoch, validation and test set once; "
    "50,000 / 10,000 / 10,000",
    dynamic=True,
)
DYNAMIC_FASHION = DataSet(
    "Fashion-MNIST, binarized",
    "fashion_mnist.npz",
    "5b6d2c4c694a91887af8ab7d039c04f80af3c29378d731c93a538d2e831aa469",
    DYNAMIC_MNIST.protocol,
    dynamic=True,
)
