"""Disentanglement scores on codes whose score is known."""

import math

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from kvae import evaluation
from kvae.evaluation.disentanglement.information import entropies, mutual_information
from tests.exploration import known_decoders
from tests.helpers import raw_scale

N = 2000
SCORES = ("mig", "modularity", "sap", "dci", "factor_vae_score", "beta_vae_score")
FAST = {
    "factor_vae_score": {"votes": 400, "examples_per_vote": 32},
    "beta_vae_score": {"points": 400, "pairs_per_point": 32},
}


@pytest.fixture(scope="module")
def factors():
    """Three independent uniform factors."""
    return np.random.default_rng(0).uniform(size=(N, 3))


@pytest.fixture(scope="module")
def mixed():
    """A discrete factor of three values, a continuous one and a binary one that is mostly 0."""
    rng = np.random.default_rng(1)
    return np.column_stack(
        [rng.integers(3, size=N), rng.uniform(size=N), rng.uniform(size=N) < 0.1]
    ).astype(float)


MIXED = [True, False, True]


def score(name, codes, factors, discrete=False, **arguments):
    """Return every number of a score by name, without standard errors unless asked for."""
    if name == "dci":  # forests take time
        codes, factors = codes[:600], factors[:600]
    arguments = {"repeats": 0, **FAST.get(name, {}), **arguments}
    result = getattr(evaluation, name)(codes, factors, discrete, **arguments)
    if name != "dci":
        return {name: result.value}
    parts = ("disentanglement", "completeness")
    return {part: getattr(result, part).value for part in parts}


@pytest.mark.parametrize("name", SCORES)
def test_codes_that_are_the_factors_score_one(name, factors):
    # Below one by what chance gives the second best code: 361 / (2 n) of 3 nats is 3%.
    for value in score(name, factors, factors).values():
        assert 0.95 < value <= 1.0


@pytest.mark.parametrize("name", SCORES)
def test_order_sign_and_scale_of_codes_do_not_matter(name, factors):
    codes = (factors * [1.0, -20.0, 0.01])[:, [2, 0, 1]]

    for value in score(name, codes, factors).values():
        assert 0.95 < value <= 1.0


@pytest.mark.parametrize("name", SCORES)
def test_codes_without_information_have_the_score_of_chance(name, factors):
    codes = np.random.default_rng(2).normal(size=(N, 4))
    chance = 1 / 3 if name in ("factor_vae_score", "beta_vae_score") else 0.0

    for value in score(name, codes, factors).values():
        # 400 votes leave a standard error of 3%; forests fit noise for about 7%.
        assert value == pytest.approx(chance, abs=0.12)


@pytest.mark.parametrize("name", ["mig", "modularity", "sap", "dci"])
def test_two_factors_rotated_by_45_degrees_score_near_zero(name, factors):
    cosine = math.sqrt(0.5)
    rotated = (factors[:, :2] - 0.5) @ [[cosine, -cosine], [cosine, cosine]]

    for value in score(name, rotated, factors[:, :2]).values():
        assert value < 0.1  # both codes have equal information on both factors


@pytest.mark.parametrize("name", ["factor_vae_score", "beta_vae_score"])
def test_two_factors_rotated_by_45_degrees_have_a_score_near_chance(name, factors):
    cosine = math.sqrt(0.5)
    rotated = (factors[:, :2] - 0.5) @ [[cosine, -cosine], [cosine, cosine]]

    assert score(name, rotated, factors[:, :2])[name] < 0.65


def test_a_second_copy_of_the_codes_changes_only_the_gaps_and_completeness(factors):
    twice = np.concatenate([factors, factors], axis=1)
    values = {key: value for name in SCORES for key, value in score(name, twice, factors).items()}

    assert values["mig"] == pytest.approx(0.0, abs=1e-9)
    assert values["sap"] == pytest.approx(0.0, abs=1e-9)
    for name in ("modularity", "disentanglement", "factor_vae_score", "beta_vae_score"):
        assert values[name] > 0.95
    # Two of six codes share each factor: 1 - log 2 / log 6.
    assert values["completeness"] == pytest.approx(1 - math.log(2) / math.log(6), abs=0.05)


@pytest.mark.parametrize("name", SCORES)
def test_noise_beside_perfect_codes_changes_little(name, factors):
    codes = np.concatenate([factors, np.random.default_rng(3).normal(size=(N, 3))], axis=1)

    for value in score(name, codes, factors).values():
        assert value > 0.9


# -- discrete factors ------------------------------------------------------------------------


def test_a_perfect_code_of_a_non_uniform_factor_has_a_gap_of_one(mixed):
    result = evaluation.mig(mixed, mixed, MIXED, repeats=0)

    # Over log 2 instead of the factor's own entropy, the third would be near 0.47.
    np.testing.assert_allclose(result.parts, 1.0, atol=0.03)


def test_the_order_of_discrete_values_is_ignored(mixed):
    renamed = mixed.copy()
    renamed[:, 0] = np.array([7.0, -3.0, 40.0])[mixed[:, 0].astype(int)]

    for name in SCORES:
        # A tree breaks ties between equal thresholds by their order.
        expected = pytest.approx(score(name, mixed, mixed, MIXED), abs=2e-3)
        assert score(name, mixed, renamed, MIXED) == expected


def test_sap_of_a_discrete_factor_is_one_minus_chance(mixed):
    result = evaluation.sap(mixed, mixed, MIXED, repeats=0)

    # Balanced accuracy 1 minus 1/C; the better of two noise codes is slightly above 1/C.
    np.testing.assert_allclose(result.parts, [2 / 3, 1.0, 1 / 2], atol=0.06)


def test_sap_separates_a_value_between_two_others():
    rng = np.random.default_rng(0)
    shape = rng.integers(3, size=N)
    codes = np.column_stack([shape + rng.uniform(-0.3, 0.3, N), rng.normal(size=N)])

    assert evaluation.sap(codes, shape[:, None], True, repeats=0).matrix[0, 0] == 1.0


@pytest.mark.parametrize("name", SCORES)
def test_a_factor_with_a_single_value_is_excluded_and_noted(name, factors):
    factors = factors[:600]
    padded = np.insert(factors, 1, 5.0, axis=1)
    arguments = {"repeats": 0, **FAST.get(name, {})}
    result = getattr(evaluation, name)(factors, padded, False, **arguments)
    result = result.disentanglement if name == "dci" else result

    assert result.value > 0.85  # fewer examples: chance gives the second best code more
    assert result.factors == (0, 2, 3)
    assert result.note == "excluded, one value only: factors [1]"
    assert result.note in str(result)


def test_mig_needs_neither_a_full_grid_nor_uniform_factors():
    rng = np.random.default_rng(0)
    first = rng.choice(4, size=N, p=[0.7, 0.1, 0.1, 0.1])
    second = rng.choice(5, size=N, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    kept = first + second < 6  # some combinations never occur
    made = np.column_stack([first, second])[kept].astype(float)

    result = evaluation.mig(made, made, True, repeats=0)

    # The two now share a little information, which the other code of each factor has as well.
    shared = mutual_info_score(made[:, 0].astype(int), made[:, 1].astype(int))
    np.testing.assert_allclose(result.parts, 1.0 - shared / entropies(made.astype(int)), atol=1e-9)


def test_codes_without_information_do_not_look_modular(mixed):
    codes = np.random.default_rng(5).normal(size=(N, 3))

    result = evaluation.modularity(codes, mixed, MIXED)

    # The bias grows with the number of values: the formula alone gives above 0.7.
    assert result.value == 0.0
    assert "codes [0, 1, 2]" in result.note
    assert np.isnan(result.parts).all()


# -- the estimates -----------------------------------------------------------------------------


def test_mutual_information_is_that_of_scikit_learn(rng):
    labels, bins = rng.integers(3, size=(500, 2)), rng.integers(7, size=(500, 3))
    bins[:, 0] = labels[:, 1]
    found = mutual_information(labels, bins)

    for k in range(2):
        for j in range(3):
            expected = mutual_info_score(labels[:, k], bins[:, j])
            assert found[k, j] == pytest.approx(expected, abs=1e-12)


def test_the_standard_error_is_the_spread_over_fresh_data():
    def noisy(seed, repeats=0):
        rng = np.random.default_rng(seed)
        made = rng.uniform(size=(500, 2))
        return evaluation.sap(
            made + 0.3 * rng.normal(size=made.shape), made, False, repeats=repeats
        )

    spread = np.std([noisy(seed).value for seed in range(100)], ddof=1)

    # A standard deviation of 100 values is known to 7%, one of 200 resamples to 5%.
    assert noisy(0, repeats=200).stderr == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_has_a_standard_error_and_repeats(name, factors):
    arguments = {"repeats": 2, "seed": 3, **FAST.get(name, {})}
    codes = factors + 0.3 * np.random.default_rng(0).normal(size=factors.shape)
    first, second = (
        getattr(evaluation, name)(codes[:400], factors[:400], False, **arguments) for _ in range(2)
    )
    pairs = [(first, second)]
    if name == "dci":
        parts = ("disentanglement", "completeness", "informativeness")
        pairs = [(getattr(first, part), getattr(second, part)) for part in parts]

    for one, other in pairs:
        assert one.stderr >= 0.0
        assert (one.value, one.stderr) == (other.value, other.stderr)
        assert one.matrix.shape == (3, 3)


def test_informativeness_is_the_share_explained(factors):
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    explained = evaluation.dci(codes[:1000], factors[:1000], False, repeats=0).informativeness.value

    # The best linear guess explains (1/12) / (1/12 + 1) = 7.7%; a forest comes close.
    assert 0.0 < explained < 0.12


@pytest.mark.slow
def test_all_scores_at_once_are_those_of_the_single_functions(factors):
    codes = factors[:400] + 0.2 * np.random.default_rng(0).normal(size=(400, 3))
    found = evaluation.disentanglement.scores(codes, factors[:400], False, seed=1, errors=False)

    for name in ("mig", "sap", "modularity", "factor_vae_score", "beta_vae_score"):
        alone = getattr(evaluation, name)(codes, factors[:400], False, seed=1, repeats=0)
        assert found[alone.name].value == alone.value
    three = evaluation.dci(codes, factors[:400], False, seed=1, repeats=0)
    for name in ("disentanglement", "completeness", "informativeness"):
        assert found[name].value == getattr(three, name).value
    assert len(found) == 8


@pytest.mark.parametrize("draws", [False, True])
def test_a_model_is_scored_by_its_posterior_means_or_samples(draws, monkeypatch):
    # The posterior mean is x; its standard deviations are 0.01 and 3.
    vae = known_decoders.linear(np.eye(2))
    kernel = np.concatenate([np.eye(2), np.zeros((2, 2))], axis=1)
    bias = np.array([0.0, 0.0, *raw_scale([0.01, 3.0])])
    vae.encoder.set_weights([kernel, bias])

    # The squared correlations of `sap` are enough here; the other scores take longer.
    from kvae.evaluation.disentanglement import all_scores

    for name in ("mig", "modularity", "factor_vae_score", "beta_vae_score"):
        monkeypatch.setattr(all_scores, name, all_scores.sap)
    made = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
    found = all_scores.scores(vae, made, False, x=made, draws=draws, errors=False)["sap"]

    # The factor causes 1 / (1 + 3^2) of the variance of a sample; the standard error is 0.03.
    assert found.matrix[0, 0] == pytest.approx(1.0, abs=1e-3)
    assert found.matrix[1, 1] == pytest.approx(0.1 if draws else 1.0, abs=0.06)


@pytest.mark.parametrize(("codes", "x"), [(np.ones((9, 2)), np.ones((9, 2))), ("model", None)])
def test_a_model_needs_examples_and_codes_exclude_them(codes, x, trained_vae):
    codes = trained_vae if isinstance(codes, str) else codes
    with pytest.raises(ValueError, match=r"a kvae.VAE with examples x, or an array without x"):
        evaluation.disentanglement.scores(codes, np.ones((9, 2)), False, x=x)


# -- invalid arguments -------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, f: (c[:-1], f, False), "of the same examples. Received: 199 codes and 200"),
        (lambda c, f: (c[:50], f[:50], False), r"at least 100 examples\. Received: 50"),
        (lambda c, f: (c[:, 0], f, False), r"codes of shape \(examples, columns\)"),
        (lambda c, f: (c * np.nan, f, False), "codes to be finite"),
        (lambda c, f: (c, 0 * f, False), "with two or more values. Received: 0 of 3 factors vary"),
        (lambda c, f: (c, f, [True]), "200 different values in 200 examples. Pass discrete=False"),
        (lambda c, f: (c, f, [True, False]), "a bool for each of the 3 factors"),
        (lambda c, f: (c, f, 1), "Expected discrete to be a bool"),
    ],
)
def test_invalid_arguments_are_refused(name, change, message, factors):
    codes, factors, discrete = change(factors[:200], factors[:200])

    with pytest.raises(ValueError, match=message):
        getattr(evaluation, name)(codes, factors, discrete)


@pytest.mark.parametrize("name", ["factor_vae_score", "beta_vae_score"])
def test_constant_codes_are_refused(name, factors):
    with pytest.raises(ValueError, match="Expected codes that vary"):
        getattr(evaluation, name)(np.ones((N, 2)), factors, False)


@pytest.mark.parametrize("name", ["factor_vae_score", "beta_vae_score"])
def test_a_constant_code_is_excluded_and_noted(name, factors):
    codes = np.insert(factors, 1, 2.0, axis=1)
    result = getattr(evaluation, name)(codes, factors, False, repeats=0, **FAST[name])

    assert result.value > 0.95
    assert result.note == "excluded, constant: codes [1]"


def test_factors_that_are_text_are_refused_in_one_line():
    with pytest.raises(ValueError, match="Expected factors to hold numbers") as caught:
        evaluation.mig(np.zeros((200, 2)), np.array([["a", "b"]] * 200), True)
    assert "\n" not in str(caught.value)
