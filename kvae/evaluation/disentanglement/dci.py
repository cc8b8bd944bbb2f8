"""Disentanglement, completeness and informativeness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.evaluation.disentanglement.known_factors import KnownFactors, known_factors
from kvae.evaluation.disentanglement.score import DisentanglementScore, bootstrap
from kvae.streams import Stream, generator

__all__ = ["DCI", "dci"]

TREES = 20
DEPTHS = (2, 4, 8, 16)


@dataclass(frozen=True, eq=False)
class DCI:
    """The three scores of `dci`, each a `DisentanglementScore`.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(200, 2))
        >>> scores = kvae.evaluation.dci(factors, factors, discrete=False, repeats=0)
        >>> scores.completeness.matrix.shape
        (2, 2)
    """

    disentanglement: DisentanglementScore
    completeness: DisentanglementScore
    informativeness: DisentanglementScore

    def __str__(self) -> str:
        return "\n".join(map(str, (self.disentanglement, self.completeness, self.informativeness)))


def dci(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    repeats: int = 5,
) -> DCI:
    """Return disentanglement, completeness and informativeness by random forests.

    A forest predicts each factor v_k from all codes; R_jk is how much code j helped (the mean
    decrease of impurity). With P_jk = R_jk / sum_k R_jk and Q_jk = R_jk / sum_j R_jk,

        disentanglement = sum_j w_j (1 + sum_k P_jk log_K P_jk),    w_j = sum_k R_jk / sum R,
        completeness    = mean_k   (1 + sum_j Q_jk log_D Q_jk),
        informativeness = mean_k    1 - error_k / error of the best constant guess,

    K factors, D codes. Disentanglement is 1 when each code that matters helps with one factor,
    completeness when each factor needs one code, and both fall to 0 when help is spread evenly.
    The error is that of the held-out half, the squared error of a continuous factor and the share
    of wrong answers for a discrete one; the paper reports the error itself. As in the paper the
    depth of the trees is the one that predicts best, here on the same half, which makes
    informativeness a little too good.

    Args:
        codes: what the model made of each example, (n, latent_dim); see
            `kvae.evaluation.disentanglement`.
        factors: the true factors of the same examples, (n, K), at least two that vary.
        discrete: whether factors are discrete, one bool or K.
        seed: int, of the halves, the forests and the bootstrap.
        repeats: resamples for the standard errors, which cost a forest for each factor; 0 for
            none.

    Returns:
        A `DCI`. `matrix` of each score is R, (factors, codes); `parts` are by code, by factor and
        by factor.

    Raises:
        ValueError: If codes and factors do not fit together or are too few.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(400, 2))
        >>> scores = kvae.evaluation.dci(factors, factors, discrete=False, repeats=0)
        >>> bool(scores.disentanglement.value > 0.9)
        True

    References:
        Eastwood, Williams: A Framework for the Quantitative Evaluation of Disentangled
        Representations, 2018, https://openreview.net/forum?id=By-7dz-AZ, section 2
    """
    known = known_factors(codes, factors, discrete, at_least=2)
    examples = len(known.codes)
    first_half = generator(seed, Stream.SCORE_DRAWS).permutation(examples) < examples // 2
    everything = np.arange(examples)
    depths, importance, informativeness = [], [], []
    for k in range(len(known.columns)):
        tried = [_forest(known, k, everything, first_half, depth, seed) for depth in DEPTHS]
        best = int(np.argmax([score for _, score in tried]))
        depths.append(DEPTHS[best])
        importance.append(tried[best][0])
        informativeness.append(tried[best][1])

    def statistic(index: np.ndarray, _: np.random.Generator) -> np.ndarray:
        fitted = [
            _forest(known, k, index, first_half, depth, seed) for k, depth in enumerate(depths)
        ]
        matrix = np.stack([row for row, _ in fitted])
        return np.array([*_totals(matrix), np.mean([score for _, score in fitted])])

    matrix = np.stack(importance)
    stderr = np.broadcast_to(bootstrap(statistic, examples, repeats, seed), 3)
    values = (*_totals(matrix), float(np.mean(informativeness)))
    parts = (_concentration(matrix.T), _concentration(matrix), np.array(informativeness))
    return DCI(
        *(
            DisentanglementScore(
                name, float(value), float(error), matrix, part, known.columns, known.note
            )
            for name, value, error, part in zip(
                ("disentanglement", "completeness", "informativeness"),
                values,
                stderr,
                parts,
                strict=True,
            )
        )
    )


def _forest(
    known: KnownFactors, k: int, index: np.ndarray, first_half: np.ndarray, depth: int, seed: int
) -> tuple[np.ndarray, float]:
    """Return how much each code helps to predict factor `k`, (codes,), and how well it goes."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind: Any = RandomForestClassifier if known.discrete[k] else RandomForestRegressor
    # All codes are tried at every split: a forest kept from the right code would credit others.
    forest = kind(n_estimators=TREES, max_depth=depth, max_features=None, random_state=seed)
    fit = first_half[index]
    target = (known.labels if known.discrete[k] else known.factors)[index, k]
    predicted = forest.fit(known.codes[index[fit]], target[fit]).predict(known.codes[index[~fit]])
    target = target[~fit]
    if known.discrete[k]:
        error = np.mean(predicted != target)
        baseline = 1.0 - np.unique(target, return_counts=True)[1].max() / len(target)
    else:
        error, baseline = np.mean((predicted - target) ** 2), np.var(target)
    share = 1.0 - error / baseline if baseline > 0.0 else 0.0
    return forest.feature_importances_, float(share)


def _totals(matrix: np.ndarray) -> tuple[float, float]:
    """Return disentanglement and completeness from R, (factors, codes)."""
    weight = matrix.sum(axis=0)
    if not weight.sum():
        return 0.0, 0.0
    return (
        float(np.sum(weight / weight.sum() * _concentration(matrix.T))),
        float(np.mean(_concentration(matrix))),
    )


def _concentration(matrix: np.ndarray) -> np.ndarray:
    """Return one minus the entropy of each row as a share of the most it could be, (rows,)."""
    total = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.where(total > 0.0, total, 1.0)
    if matrix.shape[1] == 1:
        return np.ones(len(matrix))
    entropy = -np.sum(share * np.log(np.where(share > 0.0, share, 1.0)), axis=1)
    return np.where(total[:, 0] > 0.0, 1.0 - entropy / np.log(matrix.shape[1]), 0.0)
