"""Models trained into each state get its verdict."""

import json

import pytest

import kvae
from kvae.diagnosis import STATES, VARIANTS, Variant, train_variant

CASES = [
    ("healthy", VARIANTS["full"], 6),
    ("posterior_collapse", VARIANTS["KL alone"], 6),
    ("discontinuous", VARIANTS["no KL"], 6),
    ("deterministic_encoder", VARIANTS["no sampling"], 6),
    ("deterministic_encoder", VARIANTS["autoencoder"], 6),
    ("over_regularized", Variant(beta=2.0), 6),
    ("partly_collapsed", VARIANTS["full"], 32),
]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "variant", "latent_dim"), CASES)
def test_verdict_of_a_model_trained_into_a_state(digits, state, variant, latent_dim):
    vae = train_variant(variant, digits[0], latent_dim, hidden=64, epochs=30)
    report = kvae.diagnose(vae, digits[0])
    assert report.verdict.state == state, str(report)
    assert report.verdict.evidence
    json.loads(report.to_json())


def test_each_state_has_advice():
    assert set(kvae.diagnosis.ADVICE) == set(STATES)
