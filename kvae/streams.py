"""Streams of random numbers: `generator(seed, stream)`.

Data are often made with `default_rng(seed)`. What kvae draws by the same seed must not repeat their
numbers, nor those that it draws for another purpose.
"""

import enum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(enum.IntEnum):
    """What random numbers are for. A new purpose gets a new number; old ones keep theirs."""

    RESAMPLES = 1  # of standard errors
    SHUFFLED = 2  # codes that know nothing
    AXES = 3  # of a latent space
    SCORE_DRAWS = 4  # of scores on known factors
    EXAMINATION = 5  # of a latent space
    ARMS = 6  # of the anatomy


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return the generator of a stream of `seed`.

    Example:
        >>> from kvae.streams import Stream, generator
        >>> bool(generator(0, Stream.AXES).random() == np.random.default_rng(0).random())
        False
    """
    return np.random.default_rng([seed, stream])
