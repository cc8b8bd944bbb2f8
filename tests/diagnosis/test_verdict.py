"""The rule on given estimates and settings: which condition decides, and when it is uncertain."""

import re
from types import SimpleNamespace

import keras
import pytest

import kvae
from kvae.diagnosis import THRESHOLDS, TrainingSettings
from kvae.diagnosis.findings import findings
from kvae.diagnosis.verdict import NEXT_STEPS, STATES, assess
from kvae.evaluation.estimate import Estimate
from tests.helpers import ROOT

ASSEMBLED = TrainingSettings(beta=1.0)
FITTED = TrainingSettings(beta=1.0, sampled=True, steps=1_000)


def numbers(stderr=1e-3, used=6, **changes):
    """Estimates of a healthy VAE with six dimensions, with `changes`."""
    values = {
        "code_gain": 20.0,
        "explained_variance": 0.6,
        "mutual_information": 3.0,
        "noise_share": 0.1,
        "implied_beta": 1.0,
        "prior_mismatch": 0.02,
        "prior_gaps": 0.06,
        "outside_ranges": 0.01,
        "generalization_gap": 0.5,
        "at_scale_floor": 0.0,
        **changes,
    }
    each = {name: Estimate.of(value, stderr) for name, value in values.items()}
    dimensions = [
        SimpleNamespace(
            index=d,
            information=Estimate.of(0.5 if d < used else 0.01, stderr),
            kl=Estimate.of(0.5, stderr),
            output_variance=Estimate.of(changes.get("output_variance", 0.1), 1e-5),
            low=-2.6,
            high=changes.get("high", 2.6),
        )
        for d in range(6)
    ]
    return SimpleNamespace(
        sensitivity=SimpleNamespace(code_gain=each["code_gain"], implied_beta=each["implied_beta"]),
        explained_variance=SimpleNamespace(beyond_constant=each["explained_variance"]),
        gaps=SimpleNamespace(prior=each["prior_gaps"], held_out=Estimate.of(0.06, stderr)),
        dimensions=dimensions,
        examples=changes.get("examples", 1_000),
        **{
            name: each[name]
            for name in (
                *("mutual_information", "noise_share", "prior_mismatch"),
                *("generalization_gap", "at_scale_floor", "outside_ranges"),
            )
        },
    )


def beta(value, **settings):
    return TrainingSettings(beta=value, **settings)


@pytest.mark.parametrize(
    ("state", "changes", "settings"),
    [
        ("healthy", {}, ASSEMBLED),
        ("healthy", {}, FITTED),
        ("posterior_collapse", {"code_gain": 0.0, "mutual_information": 0.0}, FITTED),
        ("posterior_collapse", {"explained_variance": -0.5, "mutual_information": 0.0}, FITTED),
        ("untrained", {"code_gain": 0.0}, ASSEMBLED),
        ("untrained", {"explained_variance": -0.5}, FITTED),
        ("deterministic_encoder", {"noise_share": 2.0, "implied_beta": 5.0}, ASSEMBLED),
        ("deterministic_encoder", {"implied_beta": 15.0}, beta(0.0)),
        ("deterministic_encoder", {"implied_beta": 15.0}, ASSEMBLED),
        ("over_regularized", {"implied_beta": 15.0}, beta(15.0)),
        ("healthy", {"implied_beta": 15.0}, FITTED),
        ("discontinuous", {"implied_beta": 0.0, "prior_mismatch": 0.6}, beta(0.0)),
        ("discontinuous", {"implied_beta": 0.05}, beta(0.05, sampled=True, steps=10)),
        ("over_regularized", {"implied_beta": 4.0}, beta(4.0)),
        ("over_regularized", {"implied_beta": 4.0, "used": 1}, beta(4.0)),
        # The numbers of a failure, and settings that say otherwise: a finding, no state.
        ("healthy", {"noise_share": 2.0}, FITTED),
        ("healthy", {"prior_mismatch": 0.6}, FITTED),
        ("healthy", {"prior_mismatch": 0.6}, ASSEMBLED),
        ("healthy", {"implied_beta": 0.0}, FITTED),
        ("healthy", {"implied_beta": 4.0}, FITTED),
        ("healthy", {"implied_beta": 3.0}, beta(None)),
        ("healthy", {"implied_beta": 0.05}, beta(None)),
        ("healthy", {"used": 2}, FITTED),
    ],
)
def test_the_first_condition_that_numbers_and_settings_agree_on(state, changes, settings):
    found = assess(numbers(**changes), settings)
    assert found.state == state
    assert found.certain


@pytest.mark.parametrize(
    ("name", "changes", "settings"),
    [
        ("noise_cost", {"noise_share": 2.0}, FITTED),
        ("implied_beta", {"implied_beta": 4.0}, FITTED),
        ("implied_beta", {"implied_beta": 1.0}, beta(4.0)),
        ("prior_mismatch", {"prior_mismatch": 0.34}, FITTED),
        ("prior_gaps", {"prior_gaps": 1.0}, FITTED),
        ("outside_ranges", {"outside_ranges": 0.45}, FITTED),
        ("overfitting", {"generalization_gap": 5.0}, FITTED),
        ("scale_floor", {"at_scale_floor": 0.3}, FITTED),
        ("few_examples", {"examples": 60}, FITTED),
        ("ignored_dimensions", {"output_variance": 0.0}, FITTED),
        ("unused_dimensions", {"used": 5}, FITTED),
        ("axis_ranges", {"high": 9.0}, FITTED),
    ],
)
def test_a_finding_names_its_number_and_what_helps(name, changes, settings):
    (found,) = findings(numbers(**changes), settings)
    assert found.name == name
    assert found.estimate.measured
    assert found.advice.endswith(".")
    assert str(found).startswith(found.sentence)


def test_unused_dimensions_come_with_their_kl():
    """A constant posterior other than the prior carries nothing and has a KL."""
    (found,) = findings(numbers(used=2), FITTED)
    assert "4 of 6 dimensions" in str(found)
    assert "is 2.00 nats" in str(found)
    assert "latent_dim of 2" in str(found)


def test_a_healthy_model_has_no_finding():
    assert findings(numbers(), FITTED) == ()


@pytest.mark.parametrize("state", ["posterior_collapse", "untrained"])
def test_nothing_is_said_of_codes_that_the_decoder_does_not_use(state):
    report = numbers(used=0, implied_beta=9.0, prior_gaps=1.0, examples=60)
    assert [found.name for found in findings(report, FITTED, state)] == ["few_examples"]


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        # A learned prior is not told to learn the prior.
        ({"prior_mismatch": 0.5}, {"learned_prior": True}, "learn the prior"),
        ({"prior_gaps": 1.0}, {"learned_prior": True}, "learned prior"),
        ({"outside_ranges": 0.45}, {"learned_prior": True}, "learn the prior"),
        # Free bits are not told to use free bits.
        ({"used": 1}, {"penalties": ("free_bits",)}, "free bits"),
    ],
)
def test_a_finding_does_not_advise_what_the_model_has(changes, settings, words):
    plain, has = (
        findings(numbers(**changes), TrainingSettings(beta=1.0, sampled=True, steps=9, **extra))
        for extra in ({}, settings)
    )
    assert any(words in finding.advice for finding in plain)
    assert not any(words in finding.advice for finding in has)


def test_advice_on_a_collapse_takes_the_weight_and_free_bits_into_account():
    collapsed = numbers(code_gain=0.0, mutual_information=0.0)
    assert "(now 4)" in assess(collapsed, beta(4.0)).advice
    assert "lower the weight" not in assess(collapsed, beta(0.0)).advice
    assert "free bits" in assess(collapsed, beta(1.0)).advice
    assert "free bits" not in assess(collapsed, beta(None, penalties=("free_bits",))).advice


ADVICE = {
    "deterministic_encoder": ({"noise_share": 2.0}, ASSEMBLED, "Give the decoder samples"),
    "discontinuous": ({"implied_beta": 1e-3}, 0.0, "Raise the weight of the KL"),
    "over_regularized": ({"implied_beta": 4.0}, 4.0, "Lower it towards 1"),
}


@pytest.mark.parametrize("state", ADVICE)
def test_each_state_has_its_own_advice_and_no_other(state):
    changes, settings, _ = ADVICE[state]
    settings = settings if state == "deterministic_encoder" else beta(settings)
    verdict = assess(numbers(**changes), settings)
    assert verdict.state == state
    said = [name for name, (_, _, phrase) in ADVICE.items() if phrase in verdict.advice]
    assert said == [state]


def test_advice_on_training_longer_says_how_long_it_was():
    assert "1,000 steps" in assess(numbers(code_gain=0.0), FITTED).advice


@pytest.mark.parametrize("name", ["noise_share", "explained_variance"])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_verdict_is_uncertain_if_a_deciding_estimate_is_near_its_threshold(name, side):
    near = THRESHOLDS[name].value + side * 0.01
    assert not assess(numbers(stderr=0.01, **{name: near}), ASSEMBLED).certain
    assert assess(numbers(stderr=0.001, **{name: near}), ASSEMBLED).certain


@pytest.mark.parametrize(
    "name", ["explained_variance", "information", "implied_beta_low", "implied_beta_high"]
)
def test_the_nearest_values_are_those_of_the_page(name):
    page = (ROOT / "docs" / "diagnosis.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| {name} \|(.*)\|", page, re.M)
    below, value, above = (float(cell.split()[0]) for cell in row.split("|")[:3])
    assert (below, above) == THRESHOLDS[name].nearest
    assert value == THRESHOLDS[name].value


def test_an_absolute_threshold_is_uncertain_where_no_calibration_has_been():
    _, above = THRESHOLDS["code_gain"].nearest
    assert not assess(numbers(code_gain=0.9 * above), FITTED).certain
    assert assess(numbers(code_gain=1.1 * above), FITTED).certain


def test_the_evidence_names_the_deciding_estimate_and_its_threshold():
    sentence = assess(numbers(implied_beta=4.0), beta(4.0)).evidence[-1]
    assert "4.00" in sentence
    assert f"threshold {THRESHOLDS['implied_beta_high'].value:g}" in sentence


@pytest.mark.parametrize("state", [state for state in STATES if state != "healthy"])
def test_each_next_step_runs(state, trained_vae, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prior, x = kvae.priors.StandardNormal(2), digits[0][:64]
    names = {"kvae": kvae, "keras": keras, "prior": prior, "latent_dim": 2, "x_train": x}
    vae = keras.models.clone_model(trained_vae)
    vae.compile("adam")
    exec(NEXT_STEPS[state].replace("epochs=50", "epochs=1, verbose=0"), {**names, "vae": vae})
