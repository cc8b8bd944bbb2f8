"""The importance-weighted bound on linear-Gaussian models, whose likelihood is known."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

import kvae
from kvae.contract import Batch
from kvae.losses import ImportanceWeightedELBO, NegativeELBO
from kvae.losses.importance_weighted import log_weights
from tests.helpers import raw_scale
from tests.small import kl, make_vae

W = np.array([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.8]])  # x = W z + noise
NOISE = 0.5
BATCH = Batch(training=True)


@pytest.fixture
def linear(rng):
    """A VAE with x|z ~ N(W z, 0.25 I) and q(z|x) = N(mean, 0.36 I), and data of it."""
    vae = make_vae((3,), likelihood=kvae.layers.IndependentNormal(3))
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
    vae = kvae.VAE(encoder, vae.posterior_layer, decoder, vae.likelihood_layer)
    precision = W.T @ W / NOISE**2 + np.eye(2)
    mean = np.linalg.solve(precision, W.T / NOISE**2)
    raw = raw_scale(0.6)
    encoder.set_weights([np.hstack([mean.T, np.zeros((3, 2))]), np.array([0.0, 0.0, raw, raw])])
    decoder.set_weights([np.hstack([W.T, np.zeros((2, 3))]), np.repeat([0.0, raw_scale(NOISE)], 3)])
    x = rng.normal(size=(50, 2)) @ W.T + NOISE * rng.normal(size=(50, 3))
    exact = multivariate_normal(np.zeros(3), W @ W.T + NOISE**2 * np.eye(3)).logpdf(x)
    return vae, x.astype("float32"), exact


def losses_of(vae, objective, x, seed):
    """Return the terms of one batch by name, and the gradient of the loss, flat."""
    vae.compile(loss=objective)
    with tf.GradientTape() as tape:
        terms = vae.loss_terms({"x": tf.constant(x)}, seed, BATCH)
        loss = tf.add_n([term.weight * tf.reduce_mean(term.values) for term in terms])
    gradients = tape.gradient(loss, vae.trainable_variables)
    return {term.name: term for term in terms}, gradients


def test_the_weights_are_those_of_numpy(linear):
    vae, x, _ = linear
    latents = vae.infer({"x": tf.constant(x)}, [0, 1], draws=7)
    z = np.asarray(latents["z"].value, "float64")
    assert z.shape == (7, 50, 2)
    mean, _ = vae.encode(x)
    likelihood = norm.logpdf(x, z @ W.T, NOISE).sum(axis=-1)
    ratio = norm.logpdf(z).sum(axis=-1) - norm.logpdf(z, mean, 0.6).sum(axis=-1)
    found = log_weights(vae, {"x": tf.constant(x)}, latents)
    np.testing.assert_allclose(found[0], likelihood, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found[1], ratio, rtol=1e-5, atol=1e-4)


def test_draws_from_the_prior_have_the_weights_of_the_mixture(linear, rng):
    vae, x, _ = linear
    latents = vae.infer({"x": tf.constant(x)}, [0, 1], draws=3)
    values = rng.normal(size=(2, 50, 2)).astype("float32")
    values[0, 0] = 40.0  # where log q is -6,000 nats
    further = {"z": dataclasses.replace(latents["z"], value=tf.constant(values), _computed={})}
    likelihood, ratio = log_weights(vae, {"x": tf.constant(x)}, latents, None, further)
    z = np.concatenate([latents["z"].value, values]).astype("float64")
    mean, _ = vae.encode(x)
    q, p = norm.logpdf(z, mean, 0.6).sum(axis=-1), norm.logpdf(z).sum(axis=-1)
    expected = p - np.logaddexp(np.log(0.6) + q, np.log(0.4) + p)
    np.testing.assert_allclose(ratio, expected, rtol=1e-4, atol=1e-4)
    of_data = norm.logpdf(x, z @ W.T, NOISE).sum(axis=-1)
    np.testing.assert_allclose(likelihood, of_data, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("gradient", ["standard", "doubly_reparameterized"])
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_the_loss_is_the_bound_of_the_weights(linear, gradient, beta):
    vae, x, _ = linear
    vae.posterior_layer.regularizer.weight = beta
    terms, _ = losses_of(vae, ImportanceWeightedELBO(7, gradient), x, [0, 1])
    likelihood, ratio = log_weights(
        vae, {"x": tf.constant(x)}, vae.infer({"x": tf.constant(x)}, [0, 1], draws=7)
    )
    bound = logsumexp(likelihood + beta * ratio, axis=0) - np.log(7)
    np.testing.assert_allclose(terms["iwae"].values, -bound, rtol=1e-5)
    np.testing.assert_allclose(terms["nll"].values, -np.mean(likelihood, axis=0), rtol=1e-5)
    np.testing.assert_allclose(terms["kl"].values, -np.mean(ratio, axis=0), rtol=1e-4, atol=1e-5)
    assert (terms["nll"].weight, terms["kl"].weight) == (0.0, 0.0)


def test_the_bound_increases_with_the_draws_up_to_the_likelihood(linear):
    vae, x, exact = linear
    x, exact = np.repeat(x, 40, axis=0), exact.mean()
    bounds = [
        -float(np.mean(losses_of(vae, ImportanceWeightedELBO(k), x, [0, k])[0]["iwae"].values))
        for k in (1, 4, 16, 256)
    ]
    elbo = vae.elbo(x, seed=0).mean()
    # 2,000 log weights with a standard deviation of about three nats for one draw.
    assert abs(bounds[0] - elbo) < 0.2
    assert bounds == sorted(bounds)
    assert bounds[-1] < exact + 0.01
    assert bounds[-1] > exact - 0.05
    assert bounds[1] > bounds[0] + 0.1


def test_with_one_draw_the_gradient_is_that_of_the_sampled_elbo(linear):
    vae, x, _ = linear
    _, found = losses_of(vae, ImportanceWeightedELBO(1), x, [0, 1])
    vae.posterior_layer.regularizer.use_exact_kl = False
    _, expected = losses_of(vae, NegativeELBO(draws=1), x, [0, 1])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("beta", [1.0, 0.3, 0.0])
def test_the_doubly_reparameterized_gradient_has_the_same_mean_and_a_smaller_variance(linear, beta):
    vae, x, _ = linear
    vae.posterior_layer.regularizer.weight = beta
    x = x[:5]
    inputs, variables = {"x": tf.constant(x)}, vae.trainable_variables

    def gradients_of(gradient):
        vae.compile(loss=ImportanceWeightedELBO(64, gradient))

        @tf.function(autograph=False)
        def gradients(seed):
            with tf.GradientTape() as tape:
                terms = vae.loss_terms(inputs, seed, BATCH)
                loss = tf.reduce_mean(terms[0].values)
            return tape.gradient(loss, variables)

        draws = [gradients(tf.constant([1, seed])) for seed in range(400)]
        return [np.stack([np.asarray(draw[i]) for draw in draws]) for i in range(len(variables))]

    standard, doubly = gradients_of("standard"), gradients_of("doubly_reparameterized")
    for variable, one, other in zip(variables, standard, doubly, strict=True):
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 400)
        # Five standard errors of the difference of two means.
        assert np.all(np.abs(one.mean(axis=0) - other.mean(axis=0)) < 5 * error + 1e-6)
        if any(variable is weight for weight in vae.encoder.trainable_variables):
            # What is left of the standard estimator's score of q has the factor 1 - beta.
            most = {1.0: 0.2, 0.3: 1.0, 0.0: 1.0 + 1e-3}[beta]
            assert other.var(axis=0).sum() < most * one.var(axis=0).sum(), variable.path
        else:  # the draws are the same, and the decoder's estimator is the standard one
            np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)


def test_several_draws_estimate_the_elbo_with_less_noise(linear):
    vae, x, _ = linear
    spread = {}
    for draws in (1, 16):
        values = [
            float(np.mean(losses_of(vae, NegativeELBO(draws), x[:5], [3, s])[0]["nll"].values))
            for s in range(40)
        ]
        spread[draws] = np.std(values)
    assert spread[16] < 0.5 * spread[1]  # a quarter, within what 40 estimates tell


@pytest.mark.parametrize("gradient", ["standard", "doubly_reparameterized"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_trains_is_saved_and_goes_on(gradient, jit_compile, digits, tmp_path):
    vae = make_vae()
    objective = ImportanceWeightedELBO(4, gradient)
    vae.compile(keras.optimizers.Adam(3e-3), loss=objective, jit_compile=jit_compile)
    x = digits[0][:256]
    history = vae.fit(x, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["loss"] == pytest.approx(history["iwae"])
    assert np.all(np.array(history["loss"]) < -np.array(history["elbo"]))
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert again.objective.get_config() == {"draws": 4, "gradient": gradient}
    logs = [model.evaluate(x, verbose=0, return_dict=True, seed=3) for model in (vae, again)]
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)


def test_missing_elements_have_no_part_in_the_bound(digits):
    """The bound of MIWAE: what stands in the place of a missing element does not matter."""
    vae = make_vae()
    x, observed = digits[1][:5], np.ones(digits[1][:5].shape, bool)
    observed[:, :4] = False
    vae.compile(loss=ImportanceWeightedELBO(3))
    values = []
    for fill in (0.0, 1.0):
        filled = {"x": np.where(observed, x, fill).astype("float32"), "observed": observed}
        values.append(vae.loss_terms(filled, [0, 1], BATCH)[0].values)
    np.testing.assert_array_equal(*values)


def test_penalties_read_one_of_the_draws(digits):
    regularizer = kl() + kvae.regularizers.MaximumMeanDiscrepancy(kvae.priors.StandardNormal(2))
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    vae = make_vae(posterior=posterior)
    vae.compile("adam", loss=ImportanceWeightedELBO(3))
    logs = vae.fit(digits[0][:64], verbose=0).history
    assert np.isfinite(logs["mmd"][0])


@pytest.mark.parametrize("bounded", ["FreeBits", "Capacity"])
def test_a_bounded_kl_is_refused(bounded):
    prior = kvae.priors.StandardNormal(2)
    arguments = (prior, 0.5) if bounded == "FreeBits" else (prior, 5.0)
    regularizer = getattr(kvae.regularizers, bounded)(*arguments)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    with pytest.raises(
        ValueError, match=rf"KLDivergenceRegularizer as its KL.* Received: {bounded}"
    ):
        make_vae(posterior=posterior).compile("adam", loss=ImportanceWeightedELBO(4))


def flow(kl):
    return kvae.layers.InverseAutoregressiveFlow(2, hidden=(8,), activity_regularizer=kl)


@pytest.mark.parametrize("case", ["flow", "vamp"])
def test_a_density_that_cannot_be_held_fixed_is_refused(case, digits):
    if case == "flow":
        posterior = flow(kl())
    else:
        prior = kvae.priors.VampPrior(2, (8, 8, 1), num_components=3)
        regularizer = kvae.regularizers.KLDivergenceRegularizer(prior)
        posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    vae = make_vae(posterior=posterior)
    with pytest.raises(ValueError, match='Use gradient="standard"'):
        vae.compile("adam", loss=ImportanceWeightedELBO(4, "doubly_reparameterized"))
    vae.compile("adam", loss=ImportanceWeightedELBO(4))
    assert np.isfinite(vae.fit(digits[0][:64], verbose=0).history["loss"][0])


def test_a_learned_prior_can_be_trained_with_either_gradient(digits):
    prior = kvae.priors.GaussianMixture(2, 3)
    regularizer = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    vae = make_vae(posterior=posterior)
    vae.compile("adam", loss=ImportanceWeightedELBO(4, "doubly_reparameterized"))
    before = [np.array(weight) for weight in prior.trainable_variables]
    vae.fit(digits[0][:64], verbose=0)
    assert all(np.any(b != w) for b, w in zip(before, prior.trainable_variables, strict=True))


@pytest.mark.parametrize("arguments", [{"draws": 0}, {"draws": None}, {"gradient": "dreg"}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=r"Expected (draws|gradient) to be .* Received: "):
        ImportanceWeightedELBO(**arguments)
