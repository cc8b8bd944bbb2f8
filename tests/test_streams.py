"""Streams of random numbers: fixed numbers, independent of each other and of the user's data."""

import numpy as np
import pytest

from kvae.streams import Stream, generator


def test_the_numbers_of_streams_are_fixed():
    # Another number would change the results of a seed.
    assert {stream.name: stream.value for stream in Stream} == {
        "RESAMPLES": 1,
        "SHUFFLED": 2,
        "AXES": 3,
        "SCORE_DRAWS": 4,
        "DIAGNOSIS": 5,
        "ABLATION": 6,
        "SCORED_CODES": 7,
    }


@pytest.mark.parametrize("seed", [0, 7])
def test_streams_of_one_seed_are_uncorrelated(seed):
    draws = [generator(seed, stream).standard_normal(10_000) for stream in Stream]
    draws.append(np.random.default_rng(seed).standard_normal(10_000))
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    # The standard error of a correlation of 10,000 pairs is 0.01.
    assert np.abs(correlation).max() < 0.05
