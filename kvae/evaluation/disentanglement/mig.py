"""The mutual information gap (Chen et al. 2018)."""

from collections.abc import Sequence

import numpy as np

from kvae.evaluation.disentanglement.disentanglement_score import (
    DisentanglementScore,
    bootstrap,
    gap,
)
from kvae.evaluation.disentanglement.information import entropies, mutual_information
from kvae.evaluation.disentanglement.known_factors import equal_width, known_factors

__all__ = ["mig"]

TINY = 1e-12  # a resample may hold a single value of a factor: its entropy is then 0


def mig(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    repeats: int = 20,
) -> DisentanglementScore:
    """Return the mutual information gap: how much more one code knows of a factor than the others.

        MIG = 1/K sum_k (I(z_j(k); v_k) - max_{j != j(k)} I(z_j; v_k)) / H(v_k),

    where j(k) is the code with the greatest I(z_j; v_k). The score is 1 if each factor is a
    function of one code and independent of the others, and 0 if two codes have the same
    information. I and H are computed in nats from histograms of the given examples, with 20 bins
    of equal width for codes and continuous factors. I has a bias of about 361 / (2 n) nats for a
    continuous factor, so n should be in the thousands.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K). They need not be uniform or form a
            full grid. A factor with a single value is excluded and listed in `note`.
        discrete: whether each factor is discrete, one bool for all or K bools. The order of the
            values of a discrete factor is ignored.
        seed: int, seeds the bootstrap.
        repeats: bootstrap resamples for the standard error; 0 for no standard error.

    Returns:
        A `DisentanglementScore`; `matrix` is I(z_j; v_k) in nats, `parts` the gap of each factor.

    Raises:
        ValueError: If codes and factors have other shapes or types, or there are fewer than 100
            examples.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(4000, 2))
        >>> bool(kvae.evaluation.mig(factors, factors, discrete=False).value > 0.95)
        True

    References:
        Chen, Li, Grosse, Duvenaud: Isolating Sources of Disentanglement in Variational
        Autoencoders, 2018, https://arxiv.org/abs/1802.04942, section 4.1
    """
    known = known_factors(codes, factors, discrete)
    bins = equal_width(known.codes)
    matrix = mutual_information(known.labels, bins)

    def gaps(information: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return gap(information) / np.maximum(entropies(labels), TINY)

    def statistic(index: np.ndarray, _: np.random.Generator) -> np.ndarray:
        labels = known.labels[index]
        return gaps(mutual_information(labels, bins[index]), labels).mean()

    parts = gaps(matrix, known.labels)
    stderr = float(bootstrap(statistic, len(bins), repeats, seed))
    return DisentanglementScore(
        "mig", float(parts.mean()), stderr, matrix, parts, known.columns, known.note
    )
