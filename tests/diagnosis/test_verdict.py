"""The rule alone, on numbers made up: which question decides, and when it is unsure."""

from types import SimpleNamespace

import pytest

from kvae.diagnosis import THRESHOLDS
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.verdict import judge


def numbers(stderr=1e-3, used=6, **changes):
    """Numbers of a healthy VAE with six dimensions, with `changes`."""
    values = {
        "code_gain": 20.0,
        "explained": 0.6,
        "information": 3.0,
        "noise_share": 0.1,
        "price": 1.0,
        "drift_share": 0.02,
        **changes,
    }
    each = {name: Estimate.of(value, stderr) for name, value in values.items()}
    dimensions = [
        SimpleNamespace(information=Estimate.of(0.5 if d < used else 0.01, stderr))
        for d in range(6)
    ]
    return SimpleNamespace(
        decoder=SimpleNamespace(code_gain=each["code_gain"], price=each["price"]),
        spending=SimpleNamespace(explained=(each["explained"],)),
        mutual_information=each["information"],
        noise_share=each["noise_share"],
        drift_share=each["drift_share"],
        dimensions=dimensions,
    )


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("healthy", {}),
        ("collapsed", {"code_gain": 0.0, "information": 0.0}),
        ("collapsed", {"explained": -0.5, "information": 0.0}),
        ("untrained", {"code_gain": 0.0}),
        ("untrained", {"explained": -0.5}),
        ("arbitrary", {"noise_share": 2.0, "price": 5.0}),
        ("arbitrary", {"drift_share": 0.6}),
        ("islands", {"price": 0.0, "drift_share": 0.6}),
        ("over-regularized", {"price": 4.0}),
        ("over-regularized", {"price": 4.0, "used": 1}),
        ("partly collapsed", {"used": 2}),
        ("healthy", {"used": 3}),
    ],
)
def test_the_first_condition_that_holds_is_the_verdict(state, changes):
    found = judge(numbers(**changes))
    assert found.state == state
    assert found.certain


def test_marginals_off_the_prior_mean_nothing_under_another_prior():
    assert judge(numbers(drift_share=0.6), standard_prior=False).state == "healthy"


@pytest.mark.parametrize("name", ["code_gain", "noise_share", "drift_share"])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_it_is_not_certain_where_a_number_that_decides_is_near_its_threshold(name, side):
    near = THRESHOLDS[name].value + side * 0.01
    assert not judge(numbers(stderr=0.01, **{name: near})).certain
    assert judge(numbers(stderr=0.001, **{name: near})).certain


def test_the_evidence_names_the_number_that_decided_and_its_threshold():
    sentence = judge(numbers(price=4.0)).evidence[-1]
    assert "4.00" in sentence
    assert f"threshold {THRESHOLDS['high_price'].value:g}" in sentence
