"""More draws than fit into the memory are refused, in one sentence that names the argument."""

import numpy as np
import pytest

import kvae
from kvae import memory
from kvae.evaluation import importance
from tests.models.test_new_family import Ladder
from tests.small import make_conditional, make_hierarchy, make_vae

TOO_MANY = 10**14
X = np.full((4, 8, 8, 1), 0.5, "float32")


def missing():
    vae = make_vae()
    encoder = kvae.networks.mlp_encoder((8, 8, 2), 4, (16,))
    return kvae.VAE(**{**vae.parts(), "encoder": encoder}, missing=True)


CASES = {
    "sample": lambda: make_vae().sample(TOO_MANY, seed=0),
    "sample of a condition": lambda: make_conditional().sample(TOO_MANY, condition=3),
    "sample of a hierarchy": lambda: make_hierarchy().sample(TOO_MANY, kind="draw"),
    "sample of a user's family": lambda: Ladder().sample(TOO_MANY),
    "impute": lambda: missing().impute(X, draws=TOO_MANY),
    "fit_prior": lambda: make_vae().fit_prior(X, draws=TOO_MANY),
    "importance-weighted": lambda: make_vae().compile(
        "adam", loss=kvae.losses.ImportanceWeightedELBO(draws=TOO_MANY)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_more_draws_than_memory_are_refused_in_one_sentence(name):
    words = r"Expected at most \d+ draws, so that .* fit into the memory\. Received: \w+="
    with pytest.raises(ValueError, match=rf"^{words}{TOO_MANY}$"):
        CASES[name]()


def test_the_bound_is_half_of_what_the_process_may_have(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("8000\n")
    monkeypatch.setattr(memory, "LIMITS", (str(limit),))
    memory.check_result("n", 10, 100)
    with pytest.raises(ValueError, match="at most 10 draws"):
        memory.check_result("n", 11, 100)


def test_large_examples_are_decoded_few_at_once(monkeypatch):
    rows = []
    monkeypatch.setattr(memory, "rows_at_once", lambda model: 3)
    inner = importance.log_weights

    def counted(model, inputs, latents):
        found = inner(model, inputs, latents)
        rows.append(found[0].shape)
        return found

    monkeypatch.setattr(importance, "log_weights", counted)
    parts = importance.log_likelihood(make_vae(), X, samples=500)
    assert {tuple(shape) for shape in rows} == {(1, 3)}
    assert parts.per_example.shape == (4,)
