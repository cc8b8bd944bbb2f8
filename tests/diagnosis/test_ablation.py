"""The claims of the ablation follow from the estimates, for or against."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

import kvae
from kvae.diagnosis import Variant
from kvae.diagnosis.ablation import REQUIRED, Claim, Comparison, claims
from kvae.evaluation.estimate import Estimate
from tests.small import make_vae


def number(value):
    return Estimate.of(value, 0.01)


def fake(**changes):
    """A report with the estimates that the claims expect of the full VAE, with `changes`."""
    values = {
        "noise_share": 0.1,
        "mutual_information": 3.0,
        "mean_rms": 0.8,
        "kl": 3.3,
        "overlap": 0.7,
        "gap": 0.1,
        "reencoding_error": 0.1,
        "elbo_drop": 2.0,
        "step_variation": 0.2,
        "data_distance": 1.0,
        "sample_distance": 1.1,
        "stddev": 0.5,
        "explained": 0.6,
    }
    values = {name: number(value) for name, value in {**values, **changes}.items()}
    path = SimpleNamespace(
        **{
            name: values[name]
            for name in ("reencoding_error", "elbo_drop", "step_variation", "data_distance")
        }
    )
    dimension = SimpleNamespace(information=number(1.0), mean_stddev=values["stddev"])
    return SimpleNamespace(
        **{name: values[name] for name in ("noise_share", "mutual_information", "mean_rms", "kl")},
        overlap=values["overlap"],
        sample_distance=values["sample_distance"],
        gaps=SimpleNamespace(prior=values["gap"]),
        paths={"linear": path},
        dimensions=(dimension,),
        explained_variance=SimpleNamespace(
            cumulative=(number(0.0), values["explained"]), pca=(0.0, 0.5)
        ),
    )


def as_claimed():
    return {
        "full": fake(),
        "no sampling": fake(noise_share=2.0),
        "autoencoder": fake(noise_share=0.5),
        "no KL": fake(
            mean_rms=2.0,
            stddev=0.01,
            gap=1.0,
            overlap=0.0,
            reencoding_error=0.4,
            elbo_drop=30.0,
            step_variation=0.4,
            data_distance=2.0,
            sample_distance=3.0,
        ),
        "KL alone": fake(mutual_information=0.0, mean_rms=0.01, kl=0.0),
    }


def test_claims_are_supported_by_estimates_that_agree():
    assert [claim.outcome for claim in claims(as_claimed())] == ["supported"] * 4


def test_claims_are_contradicted_by_estimates_that_disagree():
    reports = dict.fromkeys(as_claimed(), fake(explained=0.3))
    reports["full"] = fake(noise_share=3.0, mutual_information=0.0, mean_rms=0.5, explained=0.3)
    first, second, third, fourth = claims(reports)
    assert first.outcome == "contradicted"
    assert second.outcome == "contradicted"
    assert third.outcome == "mixed"  # only the RMS of the means agrees
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
    assert Claim("", tuple(Comparison("", each) for each in found)).outcome == outcome


def test_ablation_names_the_missing_variants():
    with pytest.raises(ValueError, match="Expected variants to include 'KL alone', 'autoencoder'"):
        kvae.diagnosis.ablation(None, variants={"full": Variant()})


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("seeds", "figures"), [(1, ["posteriors"]), (2, ["interpolations", "posteriors", "samples"])]
)
def test_ablation_of_models_that_diverge_is_finished(seeds, figures, digits, monkeypatch):
    """Only "full" has finite weights, and only with the second seed."""
    variants = {name: Variant() for name in REQUIRED}

    def trained(variant, x, seed):
        vae = make_vae()
        if variant is not variants["full"] or seed < 1:
            vae.set_weights([np.full_like(each, np.nan) for each in vae.get_weights()])
        return vae

    module = importlib.import_module("kvae.diagnosis.ablation")  # hidden by its function
    monkeypatch.setattr(module, "train_variant", trained)
    result = kvae.diagnosis.ablation(digits[1], variants, seeds=seeds)
    measured = {name for name, report in result.reports.items() if report.measured}
    assert measured == ({"full"} if seeds == 2 else set())
    assert sorted(result.figures) == figures
    assert "not_finite" in result.to_markdown()
    assert {claim.outcome for claim in result.claims[:3]} == {"undecided"}


@pytest.mark.parametrize("shape", [(8, 8, 8), (8, 8, 8, 2), (8, 64)])
def test_ablation_of_what_cannot_be_drawn_is_refused_before_training(shape):
    with pytest.raises(ValueError, match="Expected x to hold images") as refused:
        kvae.diagnosis.ablation(np.zeros(shape, "float32"), epochs=1)
    assert ("x[..., None]" in str(refused.value)) == (len(shape) == 3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.random.default_rng(0).uniform(size=(40, 8, 8, 1)), "at least 50 examples"),
        (np.full((60, 8, 8, 1), 0.5), "examples that differ"),
    ],
)
def test_ablation_of_examples_that_cannot_be_diagnosed_is_refused_before_training(
    x, message, monkeypatch
):
    module = importlib.import_module("kvae.diagnosis.ablation")  # hidden by its function
    monkeypatch.setattr(module, "train_variant", None)
    with pytest.raises(ValueError, match=message):
        kvae.diagnosis.ablation(x)


@pytest.mark.parametrize("x", ["digits", {}, [["a"]], b"x", None])
def test_ablation_of_something_else_than_an_array(x):
    with pytest.raises(ValueError, match="Expected x to "):
        kvae.diagnosis.ablation(x)
