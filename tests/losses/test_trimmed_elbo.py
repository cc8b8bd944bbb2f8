"""The objective that leaves out the worst examples of a batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract import Batch
from tests.small import make_vae


def losses_of(model, x, seed):
    batch = Batch(inputs={"x": x}, training=True)
    latents = model.infer({"x": x}, seed)
    terms = kvae.losses.NegativeELBO().terms(model, {"x": x}, latents, batch)
    return np.sum([float(term.weight) * term.values.numpy() for term in terms], axis=0)


def test_its_value_is_the_mean_loss_of_the_examples_that_are_kept(grey):
    model, x, seed = make_vae(), tf.constant(grey[:10]), [3, 4]
    expected = np.sort(losses_of(model, x, seed))[:7].mean()
    batch = Batch(inputs={"x": x}, training=True)
    terms = kvae.losses.TrimmedELBO(0.35).terms(model, {"x": x}, model.infer({"x": x}, seed), batch)
    found = sum(float(term.weight) * np.mean(term.values) for term in terms)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_several_draws_train_and_leave_out_by_their_mean(grey):
    model, x, seed = make_vae(), tf.constant(grey[:10]), [3, 4]
    inputs, latents = {"x": x}, model.infer({"x": x}, seed, draws=3)
    of_all = kvae.losses.NegativeELBO(draws=3).terms(model, inputs, latents, Batch(training=True))
    losses = np.sum([float(term.weight) * term.values.numpy() for term in of_all], axis=0)
    objective = kvae.losses.TrimmedELBO(0.35, draws=3)
    terms = objective.terms(model, inputs, latents, Batch(training=True))
    found = sum(float(term.weight) * np.mean(term.values) for term in terms)
    np.testing.assert_allclose(found, np.sort(losses)[:7].mean(), rtol=1e-5)
    model.compile("adam", loss=objective)
    assert np.isfinite(model.fit(grey[:32], verbose=0).history["loss"][0])


def test_an_example_that_is_left_out_has_no_gradient(grey):
    model, x, seed = make_vae(), tf.constant(grey[:10]), [3, 4]
    worst = int(np.argmax(losses_of(model, x, seed)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        batch = Batch(inputs={"x": x}, training=True)
        latents = model.infer({"x": x}, seed)
        terms = kvae.losses.TrimmedELBO(0.1).terms(model, {"x": x}, latents, batch)
        loss = tf.add_n([term.values for term in terms])
    gradient = np.abs(tape.gradient(loss, x)).reshape(10, -1).max(axis=1)
    np.testing.assert_array_equal(gradient > 0.0, np.arange(10) != worst)


def test_evaluate_leaves_nothing_out(grey):
    model = make_vae()
    logs = []
    for loss in (None, kvae.losses.TrimmedELBO(0.5)):
        model.compile("adam", loss=loss)
        logs.append(model.evaluate(grey, verbose=0, return_dict=True, seed=0)["loss"])
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)


def test_it_is_saved_with_the_model(grey, tmp_path):
    model = make_vae()
    model.compile("adam", loss=kvae.losses.TrimmedELBO(0.3))
    model.fit(grey, verbose=0)
    model.save(tmp_path / "vae.keras")
    assert keras.saving.load_model(tmp_path / "vae.keras").objective.share == 0.3


@pytest.mark.parametrize("share", [-0.1, 1.0, "half"])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        kvae.losses.TrimmedELBO(share)


def test_examples_are_compared_by_the_density_of_the_transformed_data(rng):
    """The derivative of the transform is the same whatever the model has learned."""
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(1))
    posterior = kvae.layers.MultivariateNormalDiag(1, activity_regularizer=kl)
    log = kvae.transforms.Log(1e-3)
    likelihood = kvae.layers.Transformed(kvae.layers.NormalLikelihood(1, scale=9.0), log)
    encoder = kvae.networks.mlp_encoder(1, posterior.params_size, hidden=(4,))
    decoder = kvae.networks.mlp_decoder(1, likelihood.params_shape, hidden=(4,))
    model = kvae.VAE(encoder, posterior, decoder, likelihood)
    for weight in model.trainable_variables:  # the KL is that of no example in particular
        weight.assign(tf.zeros_like(weight))
    x, seed = tf.constant(rng.gamma(0.3, 1.0, (20, 1)), tf.float32), [1, 2]
    raw = losses_of(model, x, seed)
    worst = int(np.argmax(raw - np.log(x[:, 0] + 1e-3)))
    assert worst != int(np.argmax(raw))
    batch = Batch(inputs={"x": x}, training=True)
    latents = model.infer({"x": x}, seed)
    terms = kvae.losses.TrimmedELBO(0.05).terms(model, {"x": x}, latents, batch)
    np.testing.assert_array_equal(terms[0].values.numpy() != 0.0, np.arange(20) != worst)


def test_an_optimal_scale_is_refused(rng):
    """It would be that of the examples that are left out, too."""
    likelihood = kvae.layers.NormalLikelihood(3, scale="optimal")
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    model = kvae.VAE(
        encoder=kvae.networks.mlp_encoder((3,), posterior.params_size, hidden=[4]),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=[4]),
        likelihood=likelihood,
    )
    model.compile("sgd", loss=kvae.losses.TrimmedELBO(0.1))
    with pytest.raises(ValueError, match="learns nothing from the batch by itself"):
        model.fit(rng.normal(size=(8, 3)).astype("float32"), verbose=0)
