"""Disentanglement, completeness and informativeness (Eastwood and Williams 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore, bootstrap
from kvae.evaluation.disentanglement.known_factors import KnownFactors, known_factors
from kvae.streams import Stream, generator

__all__ = ["DCI", "dci"]

TREES = 20
DEPTHS = (2, 4, 8, 16)


@dataclass(frozen=True, eq=False)
class DCI:
    """The result of `dci`.

    Attributes:
        disentanglement: the `DisentanglementScore` of the codes.
        completeness: the `DisentanglementScore` of the factors.
        informativeness: the `DisentanglementScore` of the predictions.

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
    """Return disentanglement, completeness and informativeness, from random forests.

    A random forest predicts each factor v_k from all codes; R_jk is the importance of code j (mean
    decrease of impurity). With P_jk = R_jk / sum_k R_jk and Q_jk = R_jk / sum_j R_jk,

        disentanglement = sum_j w_j (1 + sum_k P_jk log_K P_jk),    w_j = sum_k R_jk / sum R,
        completeness    = mean_k   (1 + sum_j Q_jk log_D Q_jk),
        informativeness = mean_k    1 - error_k / error of the best constant prediction,

    for K factors and D codes. Disentanglement is 1 if each important code predicts one factor;
    completeness is 1 if each factor is predicted by one code. Both are 0 if the importance is
    uniform. The error is measured on the held-out half of the examples: the squared error for a
    continuous factor, the error rate for a discrete one. The paper reports the error itself. As in
    the paper, the depth of the trees with the least error is used; it is selected on the same
    half, so informativeness is slightly overestimated.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K), of which at least two vary.
        discrete: whether each factor is discrete, one bool for all or K bools.
        seed: int, seeds the halves, the forests and the bootstrap.
        repeats: bootstrap resamples for the standard errors; each one trains a forest for each
            factor. 0 for no standard errors.

    Returns:
        A `DCI`. `matrix` of each score is R, (factors, codes). `parts` are per code for
        disentanglement, per factor for the other two.

    Raises:
        ValueError: If codes and factors have other shapes or types, or there are fewer than 100
            examples.

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
    """Return the importance of each code for factor `k`, (codes,), and the informativeness."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind: Any = RandomForestClassifier if known.discrete[k] else RandomForestRegressor
    # Every split may use all codes. With a random subset, splits without the relevant code would
    # assign importance to other codes.
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
    """Return 1 - entropy / log(columns) of each normalized row, (rows,)."""
    total = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.where(total > 0.0, total, 1.0)
    if matrix.shape[1] == 1:
        return np.ones(len(matrix))
    entropy = -np.sum(share * np.log(np.where(share > 0.0, share, 1.0)), axis=1)
    return np.where(total[:, 0] > 0.0, 1.0 - entropy / np.log(matrix.shape[1]), 0.0)
