"""What the likelihood explains where it is not x itself: `target` in scores and estimates."""

import numpy as np
import pytest
from scipy import special, stats

import kvae
from tests.small import SIGNATURES, kl, make_vae


def make(min_scale=0.05):
    """Return a model of two numbers whose encoder reads three others."""
    likelihood = kvae.layers.IndependentNormal(2, min_scale=min_scale)
    posterior = kvae.layers.MultivariateNormalDiag(
        2, activity_regularizer=kl(2), convert_to_tensor_fn="mean"
    )
    return kvae.VAE(
        kvae.networks.mlp_encoder(3, posterior.params_size, hidden=(8,)),
        posterior,
        kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(8,)),
        likelihood,
    )


@pytest.fixture
def data(rng):
    return {"x": rng.normal(size=(40, 3)), "target": rng.normal(size=(40, 2))}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_score_is_that_of_the_target(data):
    model = make()
    mean, stddev = model.encode(data)
    parameters = model.tensor_functions()["decode"](mean)
    log_p = stats.norm.logpdf(data["target"], parameters["loc"], parameters["scale"]).sum(axis=1)
    divergence = 0.5 * (mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev)).sum(axis=1)
    np.testing.assert_allclose(model.score(data), divergence - log_p, rtol=1e-4)
    model.compile("adam")
    logs = model.evaluate(data["x"], data["target"], verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["elbo"], -model.score(data).mean(), rtol=1e-5)
    error = np.mean((data["target"] - model.decode(mean)) ** 2, axis=1)
    np.testing.assert_allclose(kvae.evaluation.reconstruction_error(model, data), error, rtol=1e-4)


def test_elbo_and_log_likelihood_are_those_of_the_target(data):
    model = make(min_scale=1.0)
    model.encoder.set_weights([np.zeros_like(weight) for weight in model.encoder.get_weights()])
    model.encoder.weights[-1].assign([0.0, 0.0, 1.0, 1.0])  # wider than the prior
    grid, step = np.linspace(-6.0, 6.0, 121, retstep=True)
    z = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    parameters = model.tensor_functions()["decode"](z.astype("float32"))
    loc, scale = parameters["loc"].numpy(), parameters["scale"].numpy()
    prior = stats.norm.logpdf(z).sum(axis=1) + 2.0 * np.log(step)
    log_p = [stats.norm.logpdf(row, loc, scale).sum(axis=1) for row in data["target"]]
    expected = special.logsumexp(prior + log_p, axis=1)
    found = kvae.evaluation.log_likelihood(model, data, samples=5000).per_example
    np.testing.assert_allclose(found, expected, atol=0.05)
    bound = np.mean([model.elbo(data, seed=seed) for seed in range(50)], axis=0)
    assert np.all(bound < expected + 0.05)


@pytest.mark.parametrize("method", ["score", "elbo"])
def test_a_score_asks_for_a_target_that_x_cannot_be(method, data):
    with pytest.raises(ValueError, match=r"Expected inputs named 'x', 'target'\. Received: 'x'"):
        getattr(make(), method)(data["x"])


def test_a_diagnosis_refuses_a_target(data):
    model = make_vae(3, likelihood=kvae.layers.IndependentNormal(3))
    with pytest.raises(ValueError, match="Expected x to be complete examples alone"):
        kvae.diagnose(model, {"x": data["x"], "target": data["x"] + 1.0})


def test_a_file_scores_x_where_it_is_its_own_target(data, tmp_path):
    assert [each.name for each in make_vae().signatures()] == list(SIGNATURES)
    model = make()
    names = [name for name in SIGNATURES if name != "score"]
    assert [each.name for each in model.signatures()] == names
    written = kvae.export.saved_model(model, tmp_path / "served")
    assert sorted(written.signatures) == sorted(names)
