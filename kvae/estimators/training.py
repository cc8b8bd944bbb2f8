"""What the estimators share in training: the seed and the optimizer."""

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np

__all__ = ["LARGEST_SEED", "optimizer_of", "seeded"]

LARGEST_SEED = 2**31 - 1
CLIP = 10.0  # largest norm of a gradient


def optimizer_of(learning_rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Return Adam with clipped gradients, whose learning rate goes to zero by half a cosine.

    Args:
        learning_rate: at the beginning.
        steps: batches until it is zero.
    """
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.Adam(schedule, global_clipnorm=CLIP)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed Keras and TensorFlow; Python's and NumPy's own generators stay as they are.

    Args:
        seed: int, or None to change nothing.
    """
    if seed is None:
        yield
        return
    python, numpy = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
