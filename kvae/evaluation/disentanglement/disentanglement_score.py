"""A disentanglement score with its standard error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kvae import checks
from kvae.streams import Stream, generator

__all__ = ["DisentanglementScore", "bootstrap", "gap"]


@dataclass(frozen=True, eq=False)
class DisentanglementScore:
    """A disentanglement score.

    Attributes:
        name: name of the score.
        value: the score.
        stderr: its standard error by the bootstrap over examples; NaN if it was not computed.
        matrix: the matrix behind the score, (factors used, codes), see the function.
        parts: the values whose mean is the score, per factor or per code, see the function.
        factors: columns of the factors used, in the order of the rows of `matrix`.
        note: excluded factors and codes with the reason, or "".

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
    """Return the bootstrap standard error of each element of a statistic.

    Args:
        statistic: function of the indices of a resample and a generator.
        examples: number of examples.
        repeats: number of resamples, at least 2; 0 returns NaN.
        seed: int, seeds the resamples.

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
    """Return the greatest value of each row minus the second greatest, (factors,).

    Args:
        matrix: (factors, codes). A single code is compared with 0.
    """
    padded = np.concatenate([matrix, np.zeros((len(matrix), 1))], axis=1)
    ordered = np.sort(padded, axis=1)
    return ordered[:, -1] - ordered[:, -2]
