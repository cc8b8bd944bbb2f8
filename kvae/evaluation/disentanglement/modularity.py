"""Modularity (Ridgeway and Mozer 2018)."""

from collections.abc import Sequence

import numpy as np

from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore, bootstrap
from kvae.evaluation.disentanglement.information import mutual_information
from kvae.evaluation.disentanglement.known_factors import equal_width, known_factors
from kvae.streams import Stream, generator

__all__ = ["modularity"]

SHUFFLES = 30
DEVIATIONS = 4.0  # in 50 comparisons a normal variable exceeds it with probability 1/600
TINY = 1e-24


def modularity(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    repeats: int = 20,
) -> DisentanglementScore:
    """Return the modularity: whether each code depends on at most one factor.

        modularity = mean over codes j of  1 - sum_{k != k(j)} m_jk^2 / (m_jk(j)^2 (K - 1)),

    with m_jk = I(z_j; v_k) in nats and k(j) the factor with the greatest m_jk. The score is 1 if
    every code depends on a single factor (several codes may depend on the same one), and 0 if
    every code depends equally on all factors. The histograms are those of `mig`. For a code
    without information the formula is 0/0, and the bias of m_jk makes it look modular. Codes
    without information above chance are therefore excluded and listed in `note`: those whose every
    m_jk is within four standard deviations of its mean over shuffled examples. The score is 0 if
    all codes are excluded.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K), of which at least two vary.
        discrete: whether each factor is discrete, one bool for all or K bools.
        seed: int, seeds the shuffles and the bootstrap.
        repeats: bootstrap resamples for the standard error; 0 for no standard error.

    Returns:
        A `DisentanglementScore`; `matrix` is I(z_j; v_k) in nats of all codes, `parts` the
        modularity of each code, NaN for excluded codes.

    Raises:
        ValueError: If codes and factors have other shapes or types, or there are fewer than 100
            examples.

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
    informative = _above_chance(matrix, known.labels, bins, seed)
    parts = np.full(len(informative), np.nan)
    value, stderr = 0.0, 0.0 if repeats else np.nan
    if informative.any():

        def statistic(index: np.ndarray, _: np.random.Generator) -> np.ndarray:
            information = mutual_information(known.labels[index], bins[index][:, informative])
            return _by_code(information).mean()

        parts[informative] = _by_code(matrix[:, informative])
        value = float(parts[informative].mean())
        stderr = float(bootstrap(statistic, len(bins), repeats, seed))
    noise = np.flatnonzero(~informative).tolist()
    added = f"excluded, no information above chance: codes {noise}" if noise else ""
    note = "; ".join(text for text in (known.note, added) if text)
    return DisentanglementScore("modularity", value, stderr, matrix, parts, known.columns, note)


def _above_chance(
    information: np.ndarray, labels: np.ndarray, bins: np.ndarray, seed: int
) -> np.ndarray:
    """Return whether each code has more information on a factor than shuffled codes, (codes,)."""
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
