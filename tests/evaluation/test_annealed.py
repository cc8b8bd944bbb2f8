"""Annealed importance sampling against models whose likelihood is known in closed form."""

import numpy as np
import pytest

import kvae
from kvae.evaluation import annealed, annealed_importance_sampling
from tests.evaluation import linear_gaussian
from tests.helpers import dtype_policy
from tests.models import linear_gaussian as conditional
from tests.small import make_hierarchy, make_vae

SMALL = {"temperatures": 150, "chains": 64, "leapfrogs": 4}


def test_it_finds_the_likelihood_of_what_is_observed_where_the_posterior_is_wrong(monkeypatch):
    """The encoder plays no part: that of a posterior of a tenth of its width changes nothing."""
    monkeypatch.setattr(annealed, "ROWS", 64 * 13)  # three batches and a rest
    x = linear_gaussian.data(40)
    x[::2, 1] = np.nan
    found = annealed_importance_sampling(linear_gaussian.wide(scale=0.03, missing=True), x, **SMALL)
    expected = linear_gaussian.log_evidence(x)
    # A chain's weight has a relative spread below 1: 1 / sqrt(40 * 64) = 0.02 of the mean.
    assert found.mean == pytest.approx(expected.mean(), abs=0.03)
    np.testing.assert_allclose(found.per_example, expected, atol=0.5)
    assert found.samples == 64
    assert np.all(found.effective_samples > 64 / 3)


def test_a_model_in_float64_has_the_likelihood_of_one_in_float32():
    x, small = linear_gaussian.data(3), {"temperatures": 5, "chains": 4, "leapfrogs": 2}
    expected = annealed_importance_sampling(linear_gaussian.wide(), x, **small).per_example
    with dtype_policy("float64"):
        found = annealed_importance_sampling(linear_gaussian.wide(), x, **small).per_example
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_conditions_count():
    inputs = conditional.data(True, examples=40)
    found = annealed_importance_sampling(conditional.make(True), inputs, **SMALL)
    expected = conditional.log_likelihood(inputs, True)
    assert found.mean == pytest.approx(expected.mean(), abs=0.03)


def test_models_without_one_free_vector_are_refused(grey):
    with pytest.raises(ValueError, match="one latent vector for annealed importance sampling"):
        annealed_importance_sampling(make_hierarchy(), grey)
    sphere = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.UniformSphere(3))
    posterior = kvae.layers.PowerSpherical(3, activity_regularizer=sphere)
    with pytest.raises(ValueError, match="a prior on the sphere"):
        annealed_importance_sampling(make_vae(latent_dim=3, posterior=posterior), grey)
    with pytest.raises(ValueError, match="temperatures"):
        annealed_importance_sampling(make_vae(), grey, temperatures=0)
