"""The score of the beta-VAE paper (Higgins et al. 2017)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kvae import checks
from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore, bootstrap
from kvae.evaluation.disentanglement.fixed_factor import FixedFactorSampler
from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.streams import Stream, generator

__all__ = ["beta_vae_score"]


def beta_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    points: int = 10_000,
    pairs_per_point: int = 64,
    repeats: int = 10,
) -> DisentanglementScore:
    """Return the beta-VAE score: the accuracy of predicting a fixed factor from code differences.

    A point fixes a factor k and averages over L pairs of examples with the same value of it,

        d = 1/L sum_l |z(x_l) - z(x'_l)|,    (latent_dim,).

    A linear classifier is trained to predict k from d. The score is its accuracy on new points: 1
    if the factors are linearly separable, 1/K by chance. This score is less strict than the
    others: codes that mix factors can reach 1 if the mixtures differ. Codes are scaled to unit
    variance first, because the classifier is regularized; constant codes are excluded and listed
    in `note`. Pairs are drawn from the given examples as in `factor_vae_score`.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K), of which at least two vary.
        discrete: whether each factor is discrete, one bool for all or K bools.
        seed: int, seeds the points and the bootstrap.
        points: number of points for training; half as many are used to test. Locatello et al.
            2019 use 10,000.
        pairs_per_point: L. Locatello et al. 2019 use 64.
        repeats: bootstrap resamples for the standard error; 0 for no standard error.

    Returns:
        A `DisentanglementScore`; `matrix` is the mean of d by factor held, of varying codes alone,
        `parts` the accuracy by factor.

    Raises:
        ValueError: If codes and factors do not fit together, are too few, or no code varies.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(1000, 2))
        >>> kvae.evaluation.beta_vae_score(factors, factors, discrete=False, repeats=0).value
        1.0

    References:
        Higgins et al.: beta-VAE: Learning Basic Visual Concepts with a Constrained Variational
        Framework, 2017, https://openreview.net/forum?id=Sy2fzU9gl, section 3
        Locatello et al.: Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, 2019, https://arxiv.org/abs/1811.12359
    """
    points = checks.positive_int("points", points)
    pairs = checks.positive_int("pairs_per_point", pairs_per_point)
    known = known_factors(codes, factors, discrete, at_least=2)
    varying = known.varying_codes()
    scaled = known.codes[:, varying] / known.codes[:, varying].std(axis=0)

    def draw(sampler: FixedFactorSampler, number: int, rng: np.random.Generator) -> Any:
        """Return the mean differences, (number, codes), and the fixed factors, (number,)."""
        held = np.arange(number) % len(known.columns)
        differences = np.empty((number, len(varying)))
        for k in range(len(known.columns)):
            sets = sampler.draw(k, int(np.sum(held == k)) * pairs, 2, rng)
            apart = np.abs(scaled[sets[:, 0]] - scaled[sets[:, 1]])
            differences[held == k] = apart.reshape(-1, pairs, len(varying)).mean(axis=1)
        return differences, held

    def classify(index: np.ndarray, rng: np.random.Generator) -> Any:
        from sklearn.linear_model import LogisticRegression

        sampler = FixedFactorSampler(known, index)
        learned, held = draw(sampler, max(points, len(known.columns)), rng)
        classifier = LogisticRegression(max_iter=1000).fit(learned, held)
        fresh, answers = draw(sampler, max(points // 2, len(known.columns)), rng)
        return classifier.predict(fresh) == answers, answers, learned, held

    everything = np.arange(len(scaled))
    correct, answers, learned, held = classify(everything, generator(seed, Stream.SCORE_DRAWS))
    stderr = bootstrap(
        lambda index, rng: classify(index, rng)[0].mean(), len(everything), repeats, seed
    )
    each = range(len(known.columns))
    return DisentanglementScore(
        "beta_vae",
        float(correct.mean()),
        float(stderr),
        np.stack([learned[held == k].mean(axis=0) for k in each]),
        np.array([correct[answers == k].mean() for k in each]),
        known.columns,
        known.note_on(varying),
    )
