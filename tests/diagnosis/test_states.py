"""Models trained into each state get its verdict; the anatomy can come out either way."""

import json
from types import SimpleNamespace

import pytest

import kvae
from kvae.diagnosis import ARMS, STATES, Arm, train_arm
from kvae.diagnosis.estimate import Estimate
from kvae.diagnosis.experiment import Claim, Evidence, claims

CASES = [
    ("healthy", ARMS["full"], 6),
    ("collapsed", ARMS["KL alone"], 6),
    ("islands", ARMS["no KL"], 6),
    ("arbitrary", ARMS["no sampling"], 6),
    ("arbitrary", ARMS["autoencoder"], 6),
    ("over-regularized", Arm(beta=2.0), 6),
    ("partly collapsed", ARMS["full"], 32),
]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "arm", "latent_dim"), CASES)
def test_verdict_of_a_model_trained_into_a_state(digits, state, arm, latent_dim):
    vae = train_arm(arm, digits[0], latent_dim, hidden=64, epochs=30)
    report = kvae.diagnose(vae, digits[0])
    assert report.verdict.state == state, str(report)
    assert report.verdict.evidence
    json.loads(report.to_json())


def test_each_state_has_advice():
    assert set(kvae.diagnosis.ADVICE) == set(STATES)


def number(value):
    return Estimate.of(value, 0.01)


def fake(**changes):
    """A report as the idea expects it of the full VAE, with `changes`."""
    values = {
        "noise_share": 0.1,
        "mutual_information": 3.0,
        "drift": 0.8,
        "kl": 3.3,
        "overlap": 0.7,
        "gap": 0.1,
        "reencoding_error": 0.1,
        "elbo_drop": 2.0,
        "unevenness": 0.2,
        "data_distance": 1.0,
        "sample_distance": 1.1,
        "stddev": 0.5,
        "explained": 0.6,
    }
    values = {name: number(value) for name, value in {**values, **changes}.items()}
    path = SimpleNamespace(
        **{
            name: values[name]
            for name in ("reencoding_error", "elbo_drop", "unevenness", "data_distance")
        }
    )
    dimension = SimpleNamespace(information=number(1.0), mean_stddev=values["stddev"])
    return SimpleNamespace(
        **{name: values[name] for name in ("noise_share", "mutual_information", "drift", "kl")},
        overlap=values["overlap"],
        sample_distance=values["sample_distance"],
        gaps=SimpleNamespace(prior=values["gap"]),
        paths={"linear": path},
        dimensions=(dimension,),
        spending=SimpleNamespace(explained=(number(0.0), values["explained"]), pca=(0.0, 0.5)),
    )


def as_the_idea_says():
    return {
        "full": fake(),
        "no sampling": fake(noise_share=2.0),
        "autoencoder": fake(noise_share=0.5),
        "no KL": fake(
            drift=2.0,
            stddev=0.01,
            gap=1.0,
            overlap=0.0,
            reencoding_error=0.4,
            elbo_drop=30.0,
            unevenness=0.4,
            data_distance=2.0,
            sample_distance=3.0,
        ),
        "KL alone": fake(mutual_information=0.0, drift=0.01, kl=0.0),
    }


def test_claims_are_supported_by_numbers_as_the_idea_says():
    assert [claim.outcome for claim in claims(as_the_idea_says())] == ["supported"] * 4


def test_claims_come_out_against_the_idea_when_the_numbers_do():
    reports = dict.fromkeys(as_the_idea_says(), fake(explained=0.3))
    reports["full"] = fake(noise_share=3.0, mutual_information=0.0, drift=0.5, explained=0.3)
    first, second, third, fourth = claims(reports)
    assert first.outcome == "contradicted"
    assert second.outcome == "contradicted"
    assert third.outcome == "mixed"  # only the means lie further out
    assert fourth.outcome == "contradicted"


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ([True, True], "supported"),
        ([False, None], "contradicted"),
        ([True, False], "mixed"),
        ([True, None], "mixed"),
        ([None], "undecided"),
    ],
)
def test_outcome_of_a_claim(found, outcome):
    assert Claim("", tuple(Evidence("", each) for each in found)).outcome == outcome


def test_anatomy_names_the_arm_that_is_missing():
    with pytest.raises(ValueError, match=r"Expected arms to hold \['KL alone', 'autoencoder'"):
        kvae.diagnosis.anatomy(None, arms={"full": Arm()})
