"""Models trained into each state get its verdict."""

import json

import pytest

import kvae
from kvae.diagnosis import VARIANTS, Variant, train_variant

CASES = [
    ("healthy", VARIANTS["full"], 6),
    ("posterior_collapse", VARIANTS["KL alone"], 6),
    ("discontinuous", VARIANTS["no KL"], 6),
    ("deterministic_encoder", VARIANTS["no sampling"], 6),
    ("deterministic_encoder", VARIANTS["autoencoder"], 6),
    ("over_regularized", Variant(beta=2.0), 6),
    ("healthy", VARIANTS["full"], 32),
]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "variant", "latent_dim"), CASES)
def test_verdict_of_a_model_trained_into_a_state(digits, state, variant, latent_dim):
    vae = train_variant(variant, digits[0], latent_dim, hidden=64, epochs=30)
    report = kvae.diagnose(vae, digits[0])
    assert report.verdict.state == state, str(report)
    assert report.verdict.evidence
    json.loads(report.to_json())


@pytest.mark.slow
def test_unused_dimensions_are_a_finding(digits):
    vae = train_variant(VARIANTS["full"], digits[0], 32, hidden=64, epochs=30)
    found = {finding.name: finding for finding in kvae.diagnose(vae, digits[0]).findings}
    assert "of 32 dimensions carry less than 0.1 nats" in found["unused_dimensions"].sentence
