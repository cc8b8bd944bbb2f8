"""Independent streams of random numbers: `generator(seed, stream)`.

Users often make their data with `np.random.default_rng(seed)`. A stream gives other numbers for
the same seed, so that what kvae draws is independent of the data, and each purpose of the others.
"""

import enum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(enum.IntEnum):
    """The purpose of the random numbers. Give a new purpose a new number; keep the old numbers."""

    RESAMPLES = 1  # bootstrap of the disentanglement scores
    SHUFFLED = 2  # shuffled codes, the chance level of modularity
    AXES = 3  # samples for the safe ranges of latent dimensions
    SCORE_DRAWS = 4  # samples and splits of the disentanglement scores
    DIAGNOSIS = 5  # choices and samples of `diagnose`
    ABLATION = 6  # batch order of the ablation


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return the generator of a stream.

    Args:
        seed: int.
        stream: the purpose of the numbers.

    Example:
        >>> from kvae.streams import Stream, generator
        >>> bool(generator(0, Stream.AXES).random() == np.random.default_rng(0).random())
        False
    """
    return np.random.default_rng([seed, stream])
