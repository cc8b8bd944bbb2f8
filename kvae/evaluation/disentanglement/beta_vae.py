"""The score of the beta-VAE paper."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kvae import checks
from kvae.evaluation.disentanglement.agreeing import Agreeing
from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.evaluation.disentanglement.score import DisentanglementScore, bootstrap
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
    """Return the beta-VAE score: do pairs that agree in a factor show which one it is?

    A point holds a random factor k and draws L pairs of examples that agree in it, then averages

        d = 1/L sum_l |z(x_l) - z(x'_l)|,    of shape (latent_dim,).

    The score is the accuracy of a linear classifier, fitted to tell k from d, on fresh points. 1
    when the factors are linearly told apart, 1/K by chance, K factors. It is the mildest of the
    scores: codes that mix factors still reach 1 as long as their mixtures differ. Codes are scaled
    to unit variance first, so that the classifier's penalty treats them alike; constant ones are
    left out, and noted. Examples that agree stand for a generator as in `factor_vae_score`.

    Args:
        codes: what the model made of each example, (n, latent_dim); see
            `kvae.evaluation.disentanglement`.
        factors: the true factors of the same examples, (n, K), at least two that vary.
        discrete: whether factors are discrete, one bool or K.
        seed: int, of the points and the bootstrap.
        points: points that the classifier is fitted to; half as many score it. 10,000 and a half
            of it is what Locatello et al. 2019 took.
        pairs_per_point: L; 64 in Locatello et al. 2019.
        repeats: resamples for the standard error; 0 for none.

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

    def draw(agreeing: Agreeing, number: int, rng: np.random.Generator) -> Any:
        """Return the mean differences, (number, codes), and the factors held, (number,)."""
        held = np.arange(number) % len(known.columns)
        differences = np.empty((number, len(varying)))
        for k in range(len(known.columns)):
            sets = agreeing.draw(k, int(np.sum(held == k)) * pairs, 2, rng)
            apart = np.abs(scaled[sets[:, 0]] - scaled[sets[:, 1]])
            differences[held == k] = apart.reshape(-1, pairs, len(varying)).mean(axis=1)
        return differences, held

    def classify(index: np.ndarray, rng: np.random.Generator) -> Any:
        from sklearn.linear_model import LogisticRegression

        agreeing = Agreeing(known, index)
        learned, held = draw(agreeing, max(points, len(known.columns)), rng)
        classifier = LogisticRegression(max_iter=1000).fit(learned, held)
        fresh, answers = draw(agreeing, max(points // 2, len(known.columns)), rng)
        return classifier.predict(fresh) == answers, answers, learned, held

    everything = np.arange(len(scaled))
    right, answers, learned, held = classify(everything, generator(seed, Stream.SCORE_DRAWS))
    stderr = bootstrap(
        lambda index, rng: classify(index, rng)[0].mean(), len(everything), repeats, seed
    )
    each = range(len(known.columns))
    return DisentanglementScore(
        "beta_vae",
        float(right.mean()),
        float(stderr),
        np.stack([learned[held == k].mean(axis=0) for k in each]),
        np.array([right[answers == k].mean() for k in each]),
        known.columns,
        known.note_on(varying),
    )
