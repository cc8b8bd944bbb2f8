"""Modularity."""

from collections.abc import Sequence

import numpy as np

from kvae.evaluation.disentanglement.information import mutual_information
from kvae.evaluation.disentanglement.known_factors import equal_width, known_factors
from kvae.evaluation.disentanglement.score import DisentanglementScore, bootstrap
from kvae.streams import Stream, generator

__all__ = ["modularity"]

SHUFFLES = 30
DEVIATIONS = 4.0  # fifty normal comparisons with chance cross it once in six hundred runs
TINY = 1e-24


def modularity(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    repeats: int = 20,
) -> DisentanglementScore:
    """Return the modularity: does each code depend on one factor at most?

        modularity = mean over codes j of  1 - sum_{k != k(j)} m_jk^2 / (m_jk(j)^2 (K - 1)),

    with m_jk = I(z_j; v_k) in nats and k(j) the factor that the code tells most about. 1 when every
    code knows one factor alone, however many codes know the same one; 0 when it knows all equally.
    Histograms are those of `mig`. For a code that tells nothing the formula is 0/0, and what chance
    puts there looks modular where one factor has more values than the others. So codes that tell
    no more than chance are left out, and noted: those whose every m_jk is within four standard
    deviations of its mean over shuffled examples. With none left the score is 0.

    Args:
        codes: what the model made of each example, (n, latent_dim); see
            `kvae.evaluation.disentanglement`.
        factors: the true factors of the same examples, (n, K), at least two that vary.
        discrete: whether factors are discrete, one bool or K.
        seed: int, of the bootstrap.
        repeats: resamples for the standard error; 0 for none.

    Returns:
        A `DisentanglementScore`; `matrix` is I(z_j; v_k) in nats of all codes, `parts` the
        modularity by code, NaN for those left out.

    Raises:
        ValueError: If codes and factors do not fit together or are too few.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(4000, 2))
        >>> bool(kvae.evaluation.modularity(factors, factors, discrete=False).value > 0.99)
        True

    References:
        Ridgeway, Mozer: Learning Deep Disentangled Embeddings with the F-Statistic Loss, 2018,
        https://arxiv.org/abs/1802.05312, section 3
    """
    known = known_factors(codes, factors, discrete, at_least=2)
    bins = equal_width(known.codes)
    matrix = mutual_information(known.labels, bins)
    telling = _above_chance(matrix, known.labels, bins, seed)
    parts = np.full(len(telling), np.nan)
    value, stderr = 0.0, 0.0 if repeats else np.nan
    if telling.any():

        def statistic(index: np.ndarray, _: np.random.Generator) -> np.ndarray:
            information = mutual_information(known.labels[index], bins[index][:, telling])
            return _by_code(information).mean()

        parts[telling] = _by_code(matrix[:, telling])
        value = float(parts[telling].mean())
        stderr = float(bootstrap(statistic, len(bins), repeats, seed))
    noise = np.flatnonzero(~telling).tolist()
    added = f"left out, no information above chance: codes {noise}" if noise else ""
    note = "; ".join(text for text in (known.note, added) if text)
    return DisentanglementScore("modularity", value, stderr, matrix, parts, known.columns, note)


def _above_chance(
    information: np.ndarray, labels: np.ndarray, bins: np.ndarray, seed: int
) -> np.ndarray:
    """Return which codes tell more about some factor than they do once shuffled, (codes,)."""
    rng = generator(seed, Stream.SHUFFLED)
    chance = np.array(
        [mutual_information(labels, rng.permutation(bins, axis=0)) for _ in range(SHUFFLES)]
    )
    limit = chance.mean(axis=0) + DEVIATIONS * chance.std(axis=0, ddof=1)
    return np.any(information > limit, axis=0)


def _by_code(information: np.ndarray) -> np.ndarray:
    """Return the modularity of each code, (codes,), from I(z_j; v_k), (factors, codes)."""
    squared = information**2
    best = np.maximum(squared.max(axis=0), TINY)
    return 1.0 - (squared.sum(axis=0) - best) / best / (len(information) - 1)
