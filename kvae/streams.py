"""Independent streams of random numbers: `generator(seed, stream)`.

Users often make their data with `np.random.default_rng(seed)`. A stream gives other numbers for
the same seed, so that what kvae draws is independent of the data. Streams are
independent of each other.
"""

import enum
import operator

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(enum.IntEnum):
    """The purpose of the random numbers. Give a new purpose a new number; keep the old numbers."""

    RESAMPLES = 1  # bootstrap of the disentanglement scores
    SHUFFLED = 2  # shuffled codes, the chance level of modularity
    AXES = 3  # samples for the safe ranges of latent dimensions
    SCORE_DRAWS = 4  # choices and splits of the disentanglement scores
    DIAGNOSIS = 5  # choices and samples of `diagnose`
    ABLATION = 6  # batch order of the ablation
    SCORED_CODES = 7  # posterior samples that the disentanglement scores judge


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return the generator of a stream.

    Args:
        seed: int of at least 0.
        stream: the purpose of the numbers.

    Raises:
        ValueError: If the seed is none.

    Example:
        >>> from kvae.streams import Stream, generator
        >>> bool(generator(0, Stream.AXES).random() == np.random.default_rng(0).random())
        False
    """
    try:
        return np.random.default_rng([operator.index(seed), stream])
    except (TypeError, ValueError):
        raise ValueError(
            f"Expected seed to be an integer of at least 0. Received: seed={seed!r:.200}"
        ) from None
