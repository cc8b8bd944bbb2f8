"""The score of the FactorVAE paper (Kim and Mnih 2018)."""

from collections.abc import Sequence

import numpy as np

from kvae import checks
from kvae.evaluation.disentanglement.disentanglement_score import DisentanglementScore, bootstrap
from kvae.evaluation.disentanglement.fixed_factor import FixedFactorSampler
from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.streams import Stream, generator

__all__ = ["factor_vae_score"]


def factor_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    discrete: bool | Sequence[bool],
    *,
    seed: int = 0,
    votes: int = 10_000,
    examples_per_vote: int = 64,
    repeats: int = 20,
) -> DisentanglementScore:
    """Return the FactorVAE score: the accuracy of predicting a fixed factor from the stable code.

    A vote fixes a random factor k at a random value, draws a set of examples with this value, and
    determines the code with the least relative variance,

        j* = argmin_j Var_set(z_j) / Var_all(z_j).

    A classifier predicts for each j* the factor k with the most votes. The score is its accuracy
    on new votes: 1 if each factor has a code of its own (it may have several), 1/K by chance.
    Constant codes are excluded and listed in `note`.

    The sets are drawn with replacement from the given examples that share the value of a discrete
    factor, or one of 20 bins of a continuous factor. The factors should be independent among the
    examples.

    Args:
        codes: codes of the examples, (n, latent_dim): posterior samples or means, see
            `kvae.evaluation.disentanglement`.
        factors: true factors of the same examples, (n, K), of which at least two vary.
        discrete: whether each factor is discrete, one bool for all or K bools.
        seed: int, seeds the votes and the bootstrap.
        votes: number of votes for the classifier; half as many are used to test it. Locatello et
            al. 2019 use 10,000.
        examples_per_vote: size of a set. Locatello et al. 2019 use 64.
        repeats: bootstrap resamples for the standard error; 0 for no standard error.

    Returns:
        A `DisentanglementScore`; `matrix` is the share of the votes of each factor for each
        varying code, `parts` the accuracy for each factor.

    Raises:
        ValueError: If codes and factors have other shapes or types, there are fewer than 100
            examples, or no code varies.

    Example:
        >>> factors = np.random.default_rng(0).uniform(size=(1000, 2))
        >>> kvae.evaluation.factor_vae_score(factors, factors, discrete=False, repeats=0).value
        1.0

    References:
        Kim, Mnih: Disentangling by Factorising, 2018, https://arxiv.org/abs/1802.05983, section 4
        Locatello et al.: Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, 2019, https://arxiv.org/abs/1811.12359
    """
    votes = checks.positive_int("votes", votes)
    size = checks.positive_int("examples_per_vote", examples_per_vote)
    known = known_factors(codes, factors, discrete, at_least=2)
    varying = known.varying_codes()
    scaled = known.codes[:, varying] / known.codes[:, varying].std(axis=0)

    def count(sampler: FixedFactorSampler, number: int, rng: np.random.Generator) -> np.ndarray:
        """Return the number of votes of each factor for each code, (factors, codes)."""
        held = rng.integers(len(known.columns), size=number)
        counts = []
        for k in range(len(known.columns)):
            sets = sampler.draw(k, int(np.sum(held == k)), size, rng)
            least_varying = np.argmin(scaled[sets].var(axis=1), axis=1)
            counts.append(np.bincount(least_varying, minlength=len(varying)))
        return np.stack(counts)

    def answer(index: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        sampler = FixedFactorSampler(known, index)
        learned = count(sampler, votes, rng)
        fresh = count(sampler, max(1, votes // 2), rng)
        answers = np.argmax(learned, axis=0)  # (codes,)
        correct = np.where(answers == np.arange(len(fresh))[:, None], fresh, 0)
        return np.concatenate([[correct.sum()], correct.sum(axis=1)]) / np.concatenate(
            [[fresh.sum()], np.maximum(fresh.sum(axis=1), 1)]
        ), learned

    everything = np.arange(len(scaled))
    shares, learned = answer(everything, generator(seed, Stream.SCORE_DRAWS))
    stderr = bootstrap(lambda index, rng: answer(index, rng)[0][0], len(everything), repeats, seed)
    return DisentanglementScore(
        "factor_vae",
        float(shares[0]),
        float(stderr),
        learned / np.maximum(learned.sum(axis=1, keepdims=True), 1),
        shares[1:],
        known.columns,
        known.note_on(varying),
    )
