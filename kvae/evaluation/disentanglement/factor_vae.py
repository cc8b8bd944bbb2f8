"""The score of the FactorVAE paper."""

from collections.abc import Sequence

import numpy as np

from kvae import checks
from kvae.evaluation.disentanglement.agreeing import Agreeing
from kvae.evaluation.disentanglement.known_factors import known_factors
from kvae.evaluation.disentanglement.score import DisentanglementScore, bootstrap
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
    """Return the FactorVAE score: when a factor is held fixed, does the same code stand still?

    A vote holds a random factor k at a random value, draws examples that agree in it, and names
    the code that varies least,

        j* = argmin_j Var_set(z_j) / Var_all(z_j).

    The score is the share of right answers of the classifier that answers each j* with the factor
    that had most such votes, on fresh votes. 1 when each factor has a code of its own (how many
    more it has does not matter), 1/K by chance, K factors. Constant codes are left out, and noted.

    Instead of a generator of data at a fixed factor it uses the given examples: those that share
    the value of a discrete factor or the bin, of 20, of a continuous one, drawn with replacement.
    So factors should vary independently among the examples.

    Args:
        codes: what the model made of each example, (n, latent_dim); see
            `kvae.evaluation.disentanglement`.
        factors: the true factors of the same examples, (n, K), at least two that vary.
        discrete: whether factors are discrete, one bool or K.
        seed: int, of the votes and the bootstrap.
        votes: votes that the classifier is made of; half as many score it. 10,000 and a half of
            it is what Locatello et al. 2019 took.
        examples_per_vote: size of a set; 64 in Locatello et al. 2019.
        repeats: resamples for the standard error; 0 for none.

    Returns:
        A `DisentanglementScore`; `matrix` is the share of each factor's votes that name each
        varying code, `parts` the share of right answers by factor.

    Raises:
        ValueError: If codes and factors do not fit together, are too few, or no code varies.

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

    def count(agreeing: Agreeing, number: int, rng: np.random.Generator) -> np.ndarray:
        """Return how often each factor's sets named each code, (factors, codes)."""
        held = rng.integers(len(known.columns), size=number)
        named = []
        for k in range(len(known.columns)):
            sets = agreeing.draw(k, int(np.sum(held == k)), size, rng)
            stillest = np.argmin(scaled[sets].var(axis=1), axis=1)
            named.append(np.bincount(stillest, minlength=len(varying)))
        return np.stack(named)

    def answer(index: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        agreeing = Agreeing(known, index)
        learned = count(agreeing, votes, rng)
        fresh = count(agreeing, max(1, votes // 2), rng)
        answers = np.argmax(learned, axis=0)  # (codes,)
        right = np.where(answers == np.arange(len(fresh))[:, None], fresh, 0)
        return np.concatenate([[right.sum()], right.sum(axis=1)]) / np.concatenate(
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
