"""The separated attribute predictability."""

from collections.abc import Sequence

import numpy as np

from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.evaluation.disentanglement.score import DisentanglementScore, bootstrap, gap
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
    """Return the SAP score: is each factor predicted by one code alone, better than by any other?

        SAP = 1/K sum_k (S_k,first - S_k,second),

    the two best of S_kj: for a continuous factor the squared correlation of z_j and v_k; for a
    discrete one the balanced accuracy of thresholds on z_j, fitted on one half of the examples and
    scored on the other. Thresholds are a decision tree on one code with as many leaves as the
    factor has values. Balanced accuracy is 1/C by chance for C values, so that a discrete factor
    adds 1 - 1/C at most: perfect codes score 1 on continuous factors, 1/2 on binary ones.

    Args:
        codes: what the model made of each example, (n, latent_dim); see
            `kvae.evaluation.disentanglement`.
        factors: the true factors of the same examples, (n, K). A factor with one value is left
            out, and noted.
        discrete: whether factors are discrete, one bool or K.
        seed: int, of the halves and the bootstrap.
        repeats: resamples for the standard error; 0 for none.

    Returns:
        A `DisentanglementScore`; `matrix` is S, `parts` the difference by factor.

    Raises:
        ValueError: If codes and factors do not fit together or are too few.

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
        right = [np.mean(predicted[labels[~fit] == value] == value) for value in values]
        accuracy[j] = np.mean(right)
    return accuracy
