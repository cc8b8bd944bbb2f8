"""The separated attribute predictability (Kumar et al. 2018)."""

from collections.abc import Sequence

import numpy as np

from kvae.evaluation.disentanglement.disentanglement_score import (
    DisentanglementScore,
    bootstrap,
    gap,
)
from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.streams import Stream, generator

__all__ = ["sap"]


def sap(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    repeats: int = 20,
) -> DisentanglementScore:
    """Return the SAP score: how much better one code predicts a factor than the second best.

        SAP = 1/K sum_k (S_k,first - S_k,second),

    with the two greatest S_kj over j. For a continuous factor S_kj is the squared correlation of
    z_j and v_k. For a discrete factor it is the balanced accuracy of a decision tree on z_j with as
    many leaves as the factor has values, trained on one half of the examples and tested on the
    other. The balanced accuracy by chance is 1/C for C values, so a discrete factor contributes at
    most 1 - 1/C: perfect codes have a score of 1 on continuous and 1/2 on binary factors.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K). A factor with a single value is
            excluded and listed in `note`.
        discrete: whether each factor is discrete, one bool for all or K bools.
        seed: int, seeds the halves and the bootstrap.
        repeats: bootstrap resamples for the standard error; 0 for no standard error.

    Returns:
        A `DisentanglementScore`; `matrix` is S, `parts` the difference of each factor.

    Raises:
        ValueError: If codes and factors have other shapes or types, or there are fewer than 100
            examples.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(1000, 2))
        >>> bool(kvae.evaluation.sap(factors, factors, discrete=False).value > 0.98)
        True

    References:
        Kumar, Sattigeri, Balakrishnan: Variational Inference of Disentangled Latent Concepts from
        Unlabeled Observations, 2018, https://arxiv.org/abs/1711.00848, section 3
    """
    known = known_factors(codes, factors, discrete)
    examples = len(known.codes)
    first_half = generator(seed, Stream.SCORE_DRAWS).permutation(examples) < examples // 2

    def scores(index: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                _by_thresholds(known.codes[index], known.labels[index, k], first_half[index])
                if known.discrete[k]
                else _squared_correlation(known.codes[index], known.factors[index, k])
                for k in range(len(known.columns))
            ]
        )

    def statistic(index: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return gap(scores(index)).mean()

    matrix = scores(np.arange(examples))
    parts = gap(matrix)
    stderr = float(bootstrap(statistic, examples, repeats, seed))
    return DisentanglementScore(
        "sap", float(parts.mean()), stderr, matrix, parts, known.columns, known.note
    )


def _squared_correlation(codes: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the squared correlation of each code with a factor, (codes,); 0 for a constant."""
    codes, factor = codes - codes.mean(axis=0), factor - factor.mean()
    scale = np.sum(codes**2, axis=0) * np.sum(factor**2)
    return (factor @ codes) ** 2 / np.where(scale > 0.0, scale, 1.0)


def _by_thresholds(codes: np.ndarray, labels: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """Return the balanced accuracy on the examples not in `fit` of each code alone, (codes,)."""
    from sklearn.tree import DecisionTreeClassifier

    values = np.unique(labels[~fit])
    accuracy = np.empty(codes.shape[1])
    for j, code in enumerate(codes.T):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(2, len(np.unique(labels[fit]))),
            class_weight="balanced",
            random_state=0,
        )
        predicted = tree.fit(code[fit, None], labels[fit]).predict(code[~fit, None])
        correct = [np.mean(predicted[labels[~fit] == value] == value) for value in values]
        accuracy[j] = np.mean(correct)
    return accuracy
