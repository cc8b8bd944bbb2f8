"""What a model says of its training, and that advice does not contradict it."""

import keras
import numpy as np
import pytest

import kvae
from kvae.diagnosis import TrainingSettings
from kvae.evaluation.gaussian_vector import one_gaussian_vector
from tests.small import kl, make_conditional, make_vae


def settings(vae):
    return TrainingSettings.of(one_gaussian_vector(vae))


def posterior(regularizer, latent_dim=2):
    return kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=regularizer)


def test_of_a_model_that_was_put_together():
    found = settings(make_vae(weight=0.5))
    assert found == TrainingSettings(beta=0.5, sampled=False, steps=0)


def test_of_a_model_after_fit_and_reloading(digits, tmp_path):
    vae = make_vae(weight=2.0)
    vae.compile("adam")
    vae.fit(digits[1][:64], batch_size=32, epochs=2, verbose=0)
    expected = TrainingSettings(beta=2.0, sampled=True, steps=4)
    assert settings(vae) == expected
    vae.save(tmp_path / "vae.keras")
    assert settings(keras.saving.load_model(tmp_path / "vae.keras")) == expected


def test_of_a_conditional_model_at_one_condition(digits, tmp_path):
    model = make_conditional()
    model.compile("adam")
    inputs = {"x": digits[1][:64], "condition": np.arange(64) % 10}
    model.fit(inputs, batch_size=32, epochs=2, verbose=0)
    expected = TrainingSettings(beta=1.0, sampled=True, steps=4)
    assert settings(model.given(1)) == expected
    model.given(1).save(tmp_path / "given.keras")
    assert settings(keras.saving.load_model(tmp_path / "given.keras")) == expected
    assert settings(make_conditional().given(1)).sampled is False


def test_of_a_model_whose_prior_was_fitted_after_training(digits, tmp_path):
    vae = make_vae()
    vae.compile("adam")
    vae.fit(digits[1][:64], batch_size=32, epochs=2, verbose=0)
    prior = kvae.priors.GaussianMixture(2, num_components=2)
    vae = vae.fit_prior(digits[1][:64], prior).fit_prior(digits[1][:64], prior)
    assert settings(vae).steps == 4
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert settings(again).steps == 4
    again.fit(digits[1][:64], batch_size=32, verbose=0)
    assert settings(again).steps == 6


def test_the_weight_is_that_at_the_end_of_a_schedule(digits):
    rising = kvae.regularizers.schedules.Linear(steps=2, start=0.0, end=3.0)
    vae = make_vae(weight=rising)
    assert settings(vae).beta == 0.0
    vae.compile("adam")
    vae.fit(digits[1][:64], batch_size=16, verbose=0)
    assert settings(vae).beta == 3.0


@pytest.mark.parametrize(
    "regularizer",
    [
        kvae.regularizers.FreeBits(kvae.priors.StandardNormal(2)),
        kvae.regularizers.Capacity(kvae.priors.StandardNormal(2)),
        kl() + kvae.regularizers.MaximumMeanDiscrepancy(kvae.priors.StandardNormal(2)),
    ],
)
def test_a_loss_that_is_not_nll_and_weighted_kl_has_no_beta(regularizer):
    assert settings(make_vae(posterior=posterior(regularizer))).beta is None


def test_an_objective_that_is_not_the_elbo_has_no_beta():
    vae = make_vae()
    vae.compile("adam", loss=kvae.losses.ImportanceWeightedELBO(draws=2))
    assert settings(vae).beta is None


def test_a_family_with_terms_of_its_own_has_no_beta():
    assert settings(kvae.FactorVAE(**make_vae().parts())).beta is None


def test_a_penalty_that_is_off_does_not_count():
    off = kl() + kvae.regularizers.MaximumMeanDiscrepancy(kvae.priors.StandardNormal(2), weight=0.0)
    assert settings(make_vae(posterior=posterior(off))).beta == 1.0


@pytest.mark.slow
def test_a_model_off_its_prior_is_not_told_that_it_was_not_sampled(digits):
    """Trained by `fit` with a KL weight of one: its marginals are off, and that is a finding."""
    vae = make_vae(latent_dim=2)
    vae.compile("adam")
    vae.fit(np.concatenate(digits), epochs=15, verbose=0)
    report = kvae.diagnose(vae, np.concatenate(digits))
    assert report.prior_mismatch.low > 0.1
    assert report.verdict.state == "healthy"
    for advice in (report.verdict.advice, *(finding.advice for finding in report.findings)):
        assert "decoder samples" not in advice
        assert "trained on samples" not in advice
