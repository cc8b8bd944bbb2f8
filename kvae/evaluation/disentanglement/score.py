"""A disentanglement score with its standard error and what it was computed from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kvae import checks
from kvae.streams import Stream, generator

__all__ = ["DisentanglementScore", "bootstrap", "gap"]


@dataclass(frozen=True, eq=False)
class DisentanglementScore:
    """One score.

    Attributes:
        name: of the score.
        value: the score.
        stderr: its standard error by the bootstrap over examples; NaN where none was asked for.
        matrix: what the score was read from, (factors used, codes); each function says what.
        parts: what the score is the mean of, by factor or by code; each function says which.
        factors: the columns of the factors that took part, the rows of `matrix`.
        note: what was left out and why, or "".

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(500, 2))
        >>> score = kvae.evaluation.mig(factors, factors, discrete=False)
        >>> float(score) == score.value
        True
    """

    name: str
    value: float
    stderr: float
    matrix: np.ndarray
    parts: np.ndarray
    factors: tuple[int, ...]
    note: str = ""

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        error = "" if np.isnan(self.stderr) else f" +- {self.stderr:.3f}"
        return f"{self.name} {self.value:.3f}{error}" + (f" ({self.note})" if self.note else "")


def bootstrap(
    statistic: Callable[[np.ndarray, np.random.Generator], np.ndarray | float],
    examples: int,
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Return the standard error of a statistic (of each of its elements) by the bootstrap.

    Args:
        statistic: takes the indices of the examples drawn with replacement, and a generator.
        examples: number of examples.
        repeats: how often to draw; 0 gives NaN, otherwise at least 2.
        seed: int.

    References:
        Efron: Bootstrap Methods: Another Look at the Jackknife, 1979,
        https://doi.org/10.1214/aos/1176344552
    """
    if not repeats:
        return np.array(np.nan)
    if checks.positive_int("repeats", repeats) < 2:
        raise ValueError(f"Expected repeats to be 0 or at least 2. Received: repeats={repeats}")
    rng = generator(seed, Stream.RESAMPLES)
    values = [statistic(rng.integers(examples, size=examples), rng) for _ in range(repeats)]
    return np.std(np.array(values), axis=0, ddof=1)


def gap(matrix: np.ndarray) -> np.ndarray:
    """Return how far the best code of each factor is ahead of the second best, (factors,).

    Args:
        matrix: how well each code tells each factor, (factors, codes); a single code is compared
            with zero.
    """
    padded = np.concatenate([matrix, np.zeros((len(matrix), 1))], axis=1)
    ordered = np.sort(padded, axis=1)
    return ordered[:, -1] - ordered[:, -2]
