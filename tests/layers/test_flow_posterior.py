"""The inverse autoregressive flow: its density by brute force, its cost, its moments."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.layers import InverseAutoregressiveFlow
from kvae.networks import MADE
from tests.helpers import assert_same_in_float32


@pytest.fixture
def bent(rng):
    """A flow far from its start over three dimensions, and parameters for five examples."""
    layer = InverseAutoregressiveFlow(3, num_steps=3, hidden=(16, 16), context_size=2)
    layer.build((None, layer.params_size))
    for weight in layer.trainable_weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    return layer, tf.constant(rng.normal(size=(5, layer.params_size)), tf.float32)


def test_the_density_of_a_draw_is_that_of_its_noise_over_the_jacobian(bent):
    layer, params = bent
    posterior = layer.distribution(params)
    noise = tf.constant(np.random.default_rng(3).normal(size=(5, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(noise)
        z = posterior.bijector.forward(noise)
    jacobian = np.asarray(tape.batch_jacobian(z, noise), "float64")
    log_noise = -0.5 * np.sum(np.square(noise), axis=1) - 1.5 * np.log(2.0 * np.pi)
    expected = log_noise - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(posterior.log_prob(z), expected, rtol=1e-5, atol=1e-5)
    fresh = layer.distribution(params)  # which has never seen z, and has to undo the steps
    np.testing.assert_allclose(fresh.log_prob(tf.identity(z)), expected, rtol=1e-4, atol=1e-4)


def test_what_it_undoes_it_does_again(bent):
    layer, params = bent
    z = np.random.default_rng(3).normal(size=(5, 3)).astype("float32")
    noise = layer.distribution(params).bijector.inverse(z)
    # Dividing by gates of about a tenth, three times, costs three digits.
    np.testing.assert_allclose(
        layer.distribution(params).bijector.forward(tf.identity(noise)), z, atol=1e-4
    )


def test_the_density_integrates_to_one(rng):
    layer = InverseAutoregressiveFlow(2, hidden=(16,))
    layer.build((None, layer.params_size))
    for weight in layer.trainable_weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    posterior = layer.distribution(0.5 * rng.normal(size=(1, layer.params_size)))
    draws = np.asarray(posterior.sample(2_000, seed=[0, 0]))[:, 0]
    low, high = draws.min(axis=0) - 2.0, draws.max(axis=0) + 2.0
    axes = [np.linspace(a, b, 250) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    density = np.exp(posterior.log_prob(grid.astype("float32")))
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    assert density.sum() * cell == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_a_draw_and_its_density_are_one_pass_of_each_network(bent, mode, monkeypatch):
    layer, params = bent
    passes = []
    call = MADE.call
    monkeypatch.setattr(MADE, "call", lambda *args, **kw: passes.append(1) or call(*args, **kw))

    def draw(params):
        posterior = layer.distribution(params)
        z = posterior.sample(seed=[0, 1])
        return z, posterior.log_prob(z)

    if mode != "eager":
        draw = tf.function(draw, jit_compile=mode == "xla", autograph=False)
    draw(params)
    assert len(passes) == layer.num_steps


def test_training_a_model_never_inverts_the_flow(make_vae, grey, monkeypatch):
    """Neither for the penalty nor for the reported KL: that would be a loop over dimensions."""
    from kvae.layers import flow_posterior

    def forbidden(*args):
        raise AssertionError("the flow was inverted")

    monkeypatch.setattr(flow_posterior._Flow, "inverse", forbidden)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(3))
    layer = InverseAutoregressiveFlow(3, hidden=(8,), activity_regularizer=kl)
    vae = make_vae(latent_dim=3, posterior=layer)
    vae.compile(optimizer="adam")
    logs = vae.fit(grey, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    assert np.all(np.isfinite(vae.elbo(grey)))
    kvae.evaluation.log_likelihood(vae, grey, samples=3)


def test_it_starts_near_the_normal_that_its_gates_leave():
    layer = InverseAutoregressiveFlow(2, num_steps=1)
    params = np.array([[1.0, -2.0, 0.3, 0.3, 0.0, 0.0]], "float32")
    posterior = layer.distribution(params)
    gate = 1.0 / (1.0 + np.exp(-2.0))
    scale = np.log1p(np.exp(0.3))
    np.testing.assert_allclose(posterior.mean(), gate * params[:, :2], atol=0.05)
    np.testing.assert_allclose(posterior.stddev(), [[gate * scale] * 2], rtol=0.15)


def test_moments_are_those_of_many_draws(bent):
    layer, params = bent
    posterior = layer.distribution(params)
    draws = np.asarray(posterior.sample(20_000, seed=[0, 4]))
    stddev = draws.std(axis=0)
    # 128 antithetic draws: a tenth of the standard deviation, and twice that for good measure.
    assert np.all(np.abs(posterior.mean() - draws.mean(axis=0)) < 0.2 * stddev)
    np.testing.assert_allclose(posterior.stddev(), stddev, rtol=0.3)
    assert_same_in_float32(posterior.mean(), layer.distribution(params).mean())
    np.testing.assert_allclose(posterior.variance(), np.square(posterior.stddev()), rtol=1e-5)


def test_it_has_no_mode():
    with pytest.raises(ValueError, match="Expected convert_to_tensor_fn to be one of sample, mean"):
        InverseAutoregressiveFlow(2, convert_to_tensor_fn="mode")


def test_raw_parameters_gone_wild_stay_finite(bent):
    layer, _ = bent
    params = np.random.default_rng(5).choice([-1e4, 0.0, 1e4], size=(50, layer.params_size))
    params = tf.constant(params, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(params)
        posterior = layer.distribution(params)
        log_prob = posterior.log_prob(posterior.sample(seed=[0, 6]))
    assert np.all(np.isfinite(log_prob))
    assert np.all(np.isfinite(tape.gradient(log_prob, params)))


def test_a_model_with_it_encodes_reconstructs_and_reloads(make_vae, grey, tmp_path):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    vae = make_vae(posterior=InverseAutoregressiveFlow(2, hidden=(8,), activity_regularizer=kl))
    mean, stddev = vae.encode(grey)
    assert mean.shape == stddev.shape == (len(grey), 2)
    assert np.all(stddev > 0.0)
    np.testing.assert_allclose(vae.reconstruct(grey), vae.decode(mean), rtol=1e-5, atol=1e-6)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert_same_in_float32(again.encode(grey)[0], mean)


def test_a_vamp_prior_of_flow_posteriors_has_a_density_in_a_graph(rng):
    """Points (B, 1, d) meet the K flows of the pseudo-inputs, which the loop has to foresee."""
    prior = kvae.priors.VampPrior(2, data_shape=6, num_components=3)
    posterior = kvae.layers.InverseAutoregressiveFlow(2)
    dense = keras.layers.Dense(posterior.params_size)
    prior.bind(lambda x: posterior.distribution(dense(x)))
    points = tf.constant(rng.normal(size=(5, 2)), tf.float32)
    eager = prior.distribution().log_prob(points)
    graph = tf.function(lambda z: prior.distribution().log_prob(z), autograph=False)(points)
    np.testing.assert_allclose(graph, eager, rtol=1e-5)
