"""`VAE.fit_prior`: a prior fitted to the aggregate posterior, in a copy of the model."""

import keras
import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

import kvae
from kvae.callbacks import NonFiniteError
from tests.conformance.case import N
from tests.helpers import assert_same_in_float32, dtype_policy, raw_scale
from tests.models import linear_gaussian
from tests.small import make_vae

priors = kvae.priors

# The data are this mixture, and the codes are the data with noise.
WEIGHTS = np.array([0.5, 0.3, 0.2])
CENTERS = np.array([[80.0, 0.1], [100.0, -0.1], [120.0, 0.0]])
SPREAD, NOISE = np.array([1.0, 0.01]), np.array([0.3, 0.003])


def draw_data(examples, seed):
    rng = np.random.default_rng(seed)
    which = rng.choice(3, p=WEIGHTS, size=examples)
    return (CENTERS[which] + SPREAD * rng.normal(size=(examples, 2))).astype("float32")


def true_log_prob(z):
    """Log density of q(z) in nats: the data's mixture, wider by the posterior's noise."""
    scale = np.hypot(SPREAD, NOISE)
    squares = np.sum(((z[:, None] - CENTERS) / scale) ** 2, axis=2)
    log_probs = -0.5 * squares - np.log(2.0 * np.pi * scale.prod()) + np.log(WEIGHTS)
    return np.log(np.sum(np.exp(log_probs), axis=1))


def identity_model(**kwargs):
    """Return a VAE with q(z|x) = N(x, NOISE^2) and p(x|z) = N(z, 0.1^2)."""
    model = make_vae((2,), 2, likelihood=kvae.layers.IndependentNormal(2), **kwargs)
    linear = {"hidden": ()}
    parts = {
        **model.parts(),
        "encoder": kvae.networks.mlp_encoder((2,), 4, **linear),
        "decoder": kvae.networks.mlp_decoder(2, (4,), **linear),
    }
    model = type(model)(**parts)
    kernel = np.hstack([np.eye(2), np.zeros((2, 2))])
    for network, scale in ((model.encoder, NOISE), (model.decoder, np.array([0.1, 0.1]))):
        raw = raw_scale(scale)
        network.set_weights([kernel, np.concatenate([np.zeros(2), raw])])
    return model


def mmd(a, b, width):
    """Return the biased squared MMD with a Gaussian kernel."""
    gamma = 0.5 / width**2
    pairs = rbf_kernel(a, a, gamma), rbf_kernel(b, b, gamma), rbf_kernel(a, b, gamma)
    return pairs[0].mean() + pairs[1].mean() - 2.0 * pairs[2].mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prior", "arguments", "tolerance"),
    [
        (priors.GaussianMixture(2, num_components=3), {}, 0.02),
        pytest.param(
            priors.Flow(2, num_steps=6, hidden=(32, 32)),
            {"epochs": 30, "verbose": 0, "optimizer": keras.optimizers.Adam(3e-3)},
            0.25,
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["mixture", "flow"],
)
def test_it_approaches_the_aggregate_posterior(prior, arguments, tolerance):
    """Within the given nats of the log-density of the truth, at draws that it has not seen."""
    keras.utils.set_random_seed(0)
    model = identity_model()
    fitted = model.fit_prior(draw_data(2000, 0), prior, **arguments)
    held_out = draw_data(2000, 1) + NOISE * np.random.default_rng(2).normal(size=(2000, 2))
    truth = true_log_prob(held_out).mean()
    found = np.mean(fitted.prior.distribution().log_prob(held_out.astype("float32")))
    assert abs(found - truth) < tolerance
    assert np.mean(model.prior.distribution().log_prob(held_out.astype("float32"))) < truth - 1000


def test_the_prior_of_a_linear_gaussian_model_is_found_again():
    """With the exact posterior and data of the model the aggregate posterior is the prior."""
    model = linear_gaussian.make(conditional=False)
    data = linear_gaussian.data(conditional=False, examples=4000)
    fitted = model.fit_prior(data, priors.GaussianMixture(1, num_components=1), draws=3)
    assert isinstance(fitted, kvae.ConditionalVAE)
    prior = fitted.prior.distribution()
    draws = prior.sample(20_000, seed=[0, 1])
    np.testing.assert_allclose([np.mean(draws), np.std(draws)], [0.0, 1.0], atol=0.04)
    assert fitted.sample(3, seed=0, condition=data["condition"][:3]).shape == (3, 3)


def test_the_record_of_the_training_goes_with_the_weights(tmp_path):
    x, _ = kvae.data.digits()
    model = make_vae()
    model.compile("adam")
    model.fit(x[:64], batch_size=16, verbose=0)
    fitted = model.fit_prior(x[:64], priors.GaussianMixture(2, num_components=2))
    assert fitted.training_steps() == 4
    fitted.save(tmp_path / "fitted.keras")
    assert keras.models.load_model(tmp_path / "fitted.keras").training_steps() == 4
    assert keras.models.clone_model(fitted).training_steps() == 0, "it has fresh weights"


@pytest.mark.slow
def test_draws_and_held_out_elbo_improve_and_the_model_is_left_as_it_was():
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    model = make_vae(latent_dim=4, weight=0.01)  # nearly an autoencoder
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(x, epochs=15, verbose=0)
    before = [np.array(variable) for variable in model.variables]
    sampled = model.sample(500, seed=0)
    fitted = model.fit_prior(x)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    assert_same_in_float32(model.sample(500, seed=0), sampled)
    assert np.mean(fitted.elbo(x_test, seed=0)) > np.mean(model.elbo(x_test, seed=0)) + 1.0
    flat = [each.reshape(len(each), -1) for each in (x_test, sampled, fitted.sample(500, seed=0))]
    assert mmd(flat[0], flat[2], 2.0) < 0.7 * mmd(flat[0], flat[1], 2.0)
    logs = fitted.evaluate(x_test, verbose=0, return_dict=True, seed=0)
    assert logs["elbo"] == pytest.approx(np.mean(fitted.elbo(x_test, seed=0)), abs=0.2)
    fitted.fit(x[:N], verbose=0)  # the copy trains on by itself
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def test_it_is_saved_and_loaded(tmp_path):
    fitted = identity_model().fit_prior(draw_data(200, 0), seed=3)
    fitted.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = draw_data(10, 1)
    assert again.prior.description() == "Affine(GaussianMixture(2))"
    assert_same_in_float32(again.score(x), fitted.score(x))
    assert_same_in_float32(again.sample(5, seed=1), fitted.sample(5, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", ["gaussian_mixture", pytest.param("flow", marks=pytest.mark.thorough)]
)
def test_it_is_exported(prior, tmp_path):
    arguments = {"epochs": 1, "verbose": 0} if prior == "flow" else {}
    x = kvae.data.digits()[0][:N]
    fitted = make_vae().fit_prior(x, prior, **arguments)
    assert kvae.export.saved_model(fitted, tmp_path / "model", data=x).max_error < 1e-5
    bundle = kvae.export.bundle(fitted, tmp_path / "bundle", data=x)
    assert bundle is not None


def test_weights_and_counters_of_the_posterior_are_kept_and_every_penalty_gets_the_prior():
    regularizers, standard = kvae.regularizers, priors.StandardNormal(2)
    both = regularizers.KLDivergenceRegularizer(
        standard, weight=regularizers.schedules.Linear(6, 0.1, 0.9)
    ) + regularizers.MaximumMeanDiscrepancy(standard, weight=3.0)
    flow = kvae.layers.InverseAutoregressiveFlow(2, hidden=(8,), activity_regularizer=both)
    model = make_vae((6,), posterior=flow)
    model.compile("adam", jit_compile=False)
    x = np.random.default_rng(0).uniform(size=(N, 6)).astype("float32")
    model.fit(x, epochs=3, batch_size=32, verbose=0)
    fitted = model.fit_prior(x)
    assert int(fitted.step()) == int(model.step()) == 6
    assert_same_in_float32(fitted.reconstruct(x), model.reconstruct(x))
    kl, penalty = fitted.posterior_layer.regularizer.parts
    assert kl.prior is penalty.prior is fitted.prior
    assert kl.weight.get_config() == both.parts[0].weight.get_config()


def test_a_factor_vae_keeps_its_discriminator():
    model = kvae.FactorVAE(**make_vae((6,), 3).parts(), gamma=2.0, discriminator_units=8)
    model.compile("adam", jit_compile=False)
    x = np.random.default_rng(0).uniform(size=(N, 6)).astype("float32")
    fitted = model.fit_prior(x)
    assert isinstance(fitted, kvae.FactorVAE)
    assert fitted.gamma == 2.0
    assert_same_in_float32(fitted.discriminator.get_weights(), model.discriminator.get_weights())
    assert np.isfinite(fitted.fit(x, verbose=0).history["loss"]).all()


@pytest.mark.thorough
def test_a_flow_is_trained_in_float32_under_every_policy():
    x, found = draw_data(N, 0), []
    for policy in ("float32", "mixed_bfloat16"):
        model = identity_model()
        with dtype_policy(policy):
            keras.utils.set_random_seed(0)
            fitted = model.fit_prior(x, "flow", epochs=1, verbose=0)
        found.append(fitted.score(x))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)


def test_the_losses_of_a_flow_are_kept_by_a_callback():
    history = keras.callbacks.History()
    x = draw_data(100, 0)
    identity_model().fit_prior(
        x, "flow", epochs=2, verbose=0, validation_data=x, callbacks=[history]
    )
    assert len(history.history["loss"]) == len(history.history["val_loss"]) == 2


def test_a_flow_that_diverges_is_reported():
    sgd = keras.optimizers.SGD(1e38)
    with pytest.raises(NonFiniteError, match=r"prior to be finite.*Lower the learning rate"):
        identity_model().fit_prior(draw_data(N, 0), "flow", optimizer=sgd, epochs=3, verbose=0)


def test_codes_that_are_not_finite_are_reported():
    model = identity_model()
    model.encoder.set_weights([np.full_like(w, np.nan) for w in model.encoder.get_weights()])
    with pytest.raises(NonFiniteError, match="codes of the data to be finite"):
        model.fit_prior(draw_data(N, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": "mixture"}, "Expected prior to be 'gaussian_mixture' or 'flow'"),
        ({"prior": priors.Flow(3)}, "Expected prior to have the model's 2 dimensions"),
        ({"prior": priors.StandardNormal(2)}, "Expected prior to have weights to fit"),
        ({"prior": priors.VampPrior(2, (2,), 5)}, "neither a condition nor the encoder"),
        ({"prior": priors.ConditionalNormal(2, 3)}, "neither a condition nor the encoder"),
        ({"epochs": 3}, "fitted by expectation maximization. Received: epochs"),
        ({"draws": 0}, "Expected draws to be a positive integer"),
        ({"prior": priors.GaussianMixture(2, 999)}, "each of the 999 components.*fewer components"),
        (
            {"prior": priors.GaussianMixture(2, 1), "x": draw_data(1, 0), "draws": 1},
            "Expected at least two draws",
        ),
        ({"x": np.full((3, 2), np.nan, "float32")}, "Expected x to"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        identity_model().fit_prior(**{"x": draw_data(N, 0), **arguments})


class Unregistered(keras.layers.Layer):
    def call(self, x):
        return x


def test_a_class_that_is_not_registered_is_named():
    model = identity_model()
    encoder = keras.Sequential([keras.Input((2,)), Unregistered(), keras.layers.Dense(4)])
    model = type(model)(**{**model.parts(), "encoder": encoder})
    with pytest.raises(
        ValueError, match=r"to be registered by .* copy it. Received: Unregistered$"
    ):
        model.fit_prior(draw_data(N, 0))


def test_models_whose_codes_have_no_such_prior_are_refused():
    kl = kvae.regularizers.KLDivergenceRegularizer(priors.UniformSphere(3))
    sphere = kvae.layers.PowerSpherical(3, activity_regularizer=kl)
    with pytest.raises(ValueError, match="codes on a sphere have no density"):
        make_vae((2,), 3, posterior=sphere).fit_prior(draw_data(N, 0))
    bits = kvae.regularizers.FreeBits(priors.StandardNormal(2), 0.1)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=bits)
    with pytest.raises(ValueError, match="Expected groups=1"):
        make_vae((2,), 2, posterior=posterior).fit_prior(draw_data(N, 0))
