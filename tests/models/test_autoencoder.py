"""A VAE with a deterministic encoder: RAE and WAE."""

import keras
import numpy as np
import pytest

import kvae
from tests.conformance.case import N
from tests.helpers import assert_same_in_float32
from tests.small import kl, make_vae

layers, priors, regularizers = kvae.layers, kvae.priors, kvae.regularizers


def make_autoencoder(weight=0.1, latent_dim=2, further=None, prior=None):
    penalty = regularizers.NegativeLogPrior(prior or priors.StandardNormal(latent_dim), weight)
    penalty = penalty if further is None else penalty + further
    code = layers.Deterministic(latent_dim, activity_regularizer=penalty)
    return make_vae((6,), latent_dim, posterior=code)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(N, 6)).astype("float32")


def test_the_loss_is_nll_and_the_squared_length_of_the_codes(x):
    """RAE: |z|^2 / 2, and the constant d / 2 log 2 pi."""
    model = make_autoencoder(weight=0.1)
    model.compile("adam", jit_compile=False)
    logs = model.evaluate(x, batch_size=N, verbose=0, return_dict=True)
    z, stddev = model.encode(x)
    np.testing.assert_array_equal(stddev, np.zeros_like(z))
    penalty = np.mean(0.5 * np.sum(z.astype("float64") ** 2, axis=1) + np.log(2 * np.pi))
    p = model.decode(z).astype("float64")
    nll = -np.mean(np.sum(x * np.log(p) + (1 - x) * np.log1p(-p), axis=1))
    assert logs["nll"] == pytest.approx(nll, rel=1e-4)
    assert logs["negative_log_prior"] == pytest.approx(penalty, rel=1e-5)
    assert logs["loss"] == pytest.approx(nll + 0.1 * penalty, rel=1e-4)
    assert not {"kl", "elbo"} & set(logs)
    assert np.mean(model.score(x)) == pytest.approx(nll + penalty, rel=1e-4)


def test_training_draws_nothing(x):
    model = make_autoencoder(weight=0.0)
    inputs = {"x": keras.ops.convert_to_tensor(x)}
    point = model.infer(inputs, None)["z"]
    drawn = model.infer(inputs, [0, 1], draws=3, training=True)["z"]
    assert point.posterior is None
    np.testing.assert_array_equal(drawn.value, np.repeat(point.value[None], 3, axis=0))
    assert model.latent_specs()["z"].kind == "deterministic"


@pytest.mark.slow
def test_a_regularized_autoencoder_draws_better_from_a_fitted_prior():
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    penalty = regularizers.NegativeLogPrior(priors.StandardNormal(4), weight=0.001)
    code = layers.Deterministic(4, activity_regularizer=penalty)
    model = make_vae(latent_dim=4, posterior=code)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(x, epochs=15, verbose=0)
    fitted = model.fit_prior(x)
    assert np.mean(fitted.score(x_test)) < np.mean(model.score(x_test)) - 1.0
    distances = [_mmd(x_test, each.sample(500, seed=0)) for each in (model, fitted)]
    assert distances[1] < 0.7 * distances[0]


def _mmd(a, b):
    from tests.models.test_fit_prior import mmd

    return mmd(a.reshape(len(a), -1), b.reshape(len(b), -1), 2.0)


def test_it_is_saved_and_loaded(x, tmp_path):
    mmd = regularizers.MaximumMeanDiscrepancy(priors.StandardNormal(2), kernel="imq", weight=9.0)
    model = make_autoencoder(weight=0.0, further=mmd)
    model.compile("adam", jit_compile=False)
    assert set(model.fit(x, verbose=0).history) == {"loss", "nll", "mmd", "mmd_weight"}
    fitted = model.fit_prior(x)
    fitted.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_same_in_float32(again.score(x), fitted.score(x))
    assert_same_in_float32(again.sample(3, seed=0), fitted.sample(3, seed=0))


def test_its_codes_are_explored_like_the_means_of_a_posterior(x):
    model = make_autoencoder()
    codes, _ = model.encode(x)
    between = kvae.interpolate(model, x[:2], x[2:4], steps=3)
    assert_same_in_float32(between.z, kvae.interpolate(model, codes[:2], codes[2:4], steps=3).z)
    assert_same_in_float32(kvae.traverse(model, x[:1]).z, kvae.traverse(model, codes[:1]).z)
    assert list(kvae.nearest(model, x[:3], x, k=1).indices[:, 0]) == [0, 1, 2]
    direction = kvae.attribute_vector(model, x, np.arange(len(x)) % 2).vector
    np.testing.assert_allclose(direction, codes[1::2].mean(0) - codes[::2].mean(0), atol=1e-5)
    active = int((codes.astype("float64").var(axis=0, ddof=1) > 0.01).sum())
    assert kvae.evaluation.active_units(model, x) == active
    kvae.pictures.reconstructions(model, x[:2])


def test_what_needs_a_posterior_is_refused_in_one_sentence(x):
    model = make_autoencoder()
    with pytest.raises(ValueError, match="a deterministic encoder has no ELBO"):
        model.elbo(x)
    with pytest.raises(ValueError, match=r"a density q.*, or by kvae\.evaluation\.annealed"):
        kvae.evaluation.log_likelihood(model, x, samples=3)
    with pytest.raises(ValueError, match=r"neither noise nor a KL.* vae\.fit_prior"):
        kvae.diagnose(model, x)
    with pytest.raises(ValueError, match="to have one KLDivergenceRegularizer as its KL"):
        model.compile("adam", loss=kvae.losses.ImportanceWeightedELBO())


@pytest.mark.parametrize(
    "penalty",
    [kl(), regularizers.TotalCorrelation(500), regularizers.DisentangledInferredPrior("ii")],
    ids=lambda penalty: penalty.name,
)
def test_penalties_of_a_density_are_refused(penalty):
    with pytest.raises(ValueError, match="has no density q"):
        layers.Deterministic(2, activity_regularizer=penalty)


def test_a_model_without_a_prior_is_refused():
    with pytest.raises(ValueError, match="Expected posterior to name a prior"):
        make_vae((6,), posterior=layers.Deterministic(2))


def test_a_noisy_posterior_still_needs_a_kl():
    penalty = regularizers.NegativeLogPrior(priors.StandardNormal(2))
    noisy = layers.MultivariateNormalDiag(2, activity_regularizer=penalty)
    with pytest.raises(ValueError, match="Expected posterior to have a KL regularizer"):
        make_vae((6,), posterior=noisy)
