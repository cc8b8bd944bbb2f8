"""The rule on given estimates: which condition decides, and when the verdict is uncertain."""

from types import SimpleNamespace

import pytest

from kvae.diagnosis import THRESHOLDS
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.verdict import assess


def numbers(stderr=1e-3, used=6, **changes):
    """Estimates of a healthy VAE with six dimensions, with `changes`."""
    values = {
        "code_gain": 20.0,
        "explained_variance": 0.6,
        "information": 3.0,
        "noise_share": 0.1,
        "implied_beta": 1.0,
        "dimension_wise_kl_share": 0.02,
        **changes,
    }
    each = {name: Estimate.of(value, stderr) for name, value in values.items()}
    dimensions = [
        SimpleNamespace(information=Estimate.of(0.5 if d < used else 0.01, stderr))
        for d in range(6)
    ]
    return SimpleNamespace(
        sensitivity=SimpleNamespace(code_gain=each["code_gain"], implied_beta=each["implied_beta"]),
        explained_variance=SimpleNamespace(cumulative=(each["explained_variance"],)),
        mutual_information=each["information"],
        noise_share=each["noise_share"],
        dimension_wise_kl_share=each["dimension_wise_kl_share"],
        dimensions=dimensions,
    )


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("healthy", {}),
        ("posterior_collapse", {"code_gain": 0.0, "information": 0.0}),
        ("posterior_collapse", {"explained_variance": -0.5, "information": 0.0}),
        ("untrained", {"code_gain": 0.0}),
        ("untrained", {"explained_variance": -0.5}),
        ("deterministic_encoder", {"noise_share": 2.0, "implied_beta": 5.0}),
        ("deterministic_encoder", {"dimension_wise_kl_share": 0.6}),
        ("discontinuous", {"implied_beta": 0.0, "dimension_wise_kl_share": 0.6}),
        ("over_regularized", {"implied_beta": 4.0}),
        ("over_regularized", {"implied_beta": 4.0, "used": 1}),
        ("partly_collapsed", {"used": 2}),
        ("healthy", {"used": 3}),
    ],
)
def test_the_first_condition_that_holds_is_the_verdict(state, changes):
    found = assess(numbers(**changes))
    assert found.state == state
    assert found.certain


def test_the_dimension_wise_kl_is_ignored_under_another_prior():
    assert (
        assess(numbers(dimension_wise_kl_share=0.6), standard_normal_prior=False).state == "healthy"
    )


@pytest.mark.parametrize("name", ["code_gain", "noise_share", "dimension_wise_kl_share"])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_verdict_is_uncertain_if_a_deciding_estimate_is_near_its_threshold(name, side):
    near = THRESHOLDS[name].value + side * 0.01
    assert not assess(numbers(stderr=0.01, **{name: near})).certain
    assert assess(numbers(stderr=0.001, **{name: near})).certain


def test_the_evidence_names_the_deciding_estimate_and_its_threshold():
    sentence = assess(numbers(implied_beta=4.0)).evidence[-1]
    assert "4.00" in sentence
    assert f"threshold {THRESHOLDS['implied_beta_high'].value:g}" in sentence
