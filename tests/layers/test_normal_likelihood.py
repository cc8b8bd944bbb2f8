import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from kvae.contract import Batch
from tests.helpers import assert_same_in_float32, relative
from tests.layers import properties

layers = kvae.layers


# -- a fixed scale ---------------------------------------------------------------------------


def test_fixed_scale_is_a_normal_around_the_params(rng):
    layer = layers.NormalLikelihood((4, 3, 2), scale=0.3)
    loc, x = rng.normal(size=(2, 20, 4, 3, 2))
    expected = stats.norm.logpdf(x, loc, 0.3).sum(axis=(1, 2, 3))
    assert relative(layer.distribution(loc).log_prob(x), expected) < 1e-9  # float64
    np.testing.assert_array_equal(layer.mean(loc), loc)


def test_fixed_scale_draws_have_its_moments(rng):
    layer = layers.NormalLikelihood(3, scale=0.3)
    properties.assert_moments_match_draws(layer, rng.normal(size=(2, 3)))
    properties.assert_draws_alike_in_graph_and_xla(layer, rng.normal(size=(2, 3)))


@pytest.mark.parametrize("scale", [0.3, "optimal"])
def test_float32_agrees_with_float64(scale, rng):
    layer = layers.NormalLikelihood(3, scale=scale)
    properties.assert_float32_agrees_with_float64(layer, *rng.normal(size=(2, 20, 3)))


@pytest.mark.parametrize("scale", [1e-3, "optimal"])
def test_finite_at_extremes(scale, rng):
    layer = layers.NormalLikelihood(3, scale=scale)
    properties.assert_finite_at_extremes(layer, rng.normal(size=(4, 3)))


@pytest.mark.parametrize("scale", [0.0, -1.0, "large", None, float("nan")])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match=r"Expected scale to be .* Received: scale="):
        layers.NormalLikelihood(3, scale=scale)


@pytest.mark.parametrize(("scale", "shared"), [("shared", "True"), ("per-element", "False")])
def test_learned_scales_are_sent_to_the_decoder(scale, shared):
    with pytest.raises(ValueError, match=rf"LearnedScale\(shared={shared}\)"):
        layers.NormalLikelihood(3, scale=scale)


# -- the optimal scale -----------------------------------------------------------------------


def optimal(event_shape):
    layer = layers.NormalLikelihood(event_shape, scale="optimal")
    layer.build((None, *layer.params_shape))
    return layer


def test_optimal_scale_is_the_root_of_the_mean_squared_error(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4, 2))
    layer = optimal((4, 2))
    layer.training_log_prob(loc, x)
    expected = np.sqrt(np.mean((x - loc) ** 2))
    # The soft floor adds log(1 + exp(-6 - log sigma)) = 0.0006 to log sigma = 1.4.
    assert relative(layer.stddev_of_data(), expected) < 1e-3


def test_no_fixed_scale_makes_the_batch_likelier(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4, 2))
    found = optimal((4, 2)).training_log_prob(loc, x)
    best = max(stats.norm.logpdf(x, loc, scale).sum() for scale in np.geomspace(0.5, 50, 2001))
    # Both miss the optimum by less than 0.1%, and the likelihood is flat there.
    assert relative(np.sum(found), best) < 1e-5


def test_masked_elements_do_not_count_for_the_optimal_scale(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4))
    observed = rng.uniform(size=x.shape) < 0.5
    layer = optimal(4)
    found = layer.training_log_prob(loc, np.where(observed, x, np.nan), observed)
    sigma = np.sqrt(np.mean((x - loc)[observed] ** 2))
    assert relative(layer.stddev_of_data(), sigma) < 1e-3
    each = np.where(observed, stats.norm.logpdf(x, loc, float(layer.stddev_of_data())), 0.0)
    assert relative(found, each.sum(axis=1)) < 1e-5


def test_examples_count_for_the_optimal_scale_by_their_weights(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4))
    weight = rng.uniform(0.0, 2.0, size=50)
    weight[:5], x[:5] = 0.0, 1e4
    layer = optimal(4)
    found = layer.training_log_prob(loc, x, batch=Batch(weight=weight))
    sigma = np.sqrt(np.average((x - loc) ** 2, axis=0, weights=weight).mean())
    assert relative(layer.stddev_of_data(), sigma) < 1e-3
    expected = stats.norm.logpdf(x[5:], loc[5:], float(layer.stddev_of_data())).sum(axis=1)
    assert relative(found[5:], expected) < 1e-5


@pytest.mark.parametrize("draws", [None, 2])
def test_sample_weights_reach_the_optimal_scale(draws, rng):
    """Half of the rows lie at 100 and weigh nothing; the others are 0, and so is the mean."""
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    posterior = layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    likelihood = layers.NormalLikelihood(3, scale="optimal")
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder((3,), posterior.params_size, hidden=[4]),
        posterior=posterior,
        decoder=keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, trainable=False)]),
        likelihood=likelihood,
    )
    vae.compile("sgd", loss=kvae.losses.NegativeELBO(draws=draws))
    vae.decoder.layers[0].kernel.assign(tf.zeros((2, 3)))
    x = np.where(np.arange(64)[:, None] % 2, 100.0, np.ones((64, 3))).astype("float32")
    weight = (np.arange(64) % 2 == 0).astype("float32")
    vae.fit(x, sample_weight=weight, batch_size=32, epochs=1, verbose=0)
    assert relative(likelihood.stddev_of_data(), 1.0) < 5e-3  # the soft floor


def test_batches_without_an_observed_element_leave_the_stored_scale():
    layer, loc, x = optimal(1), np.zeros((4, 1)), np.full((4, 1), 2.0)
    for known in (True, False, False, True, False):
        layer.training_log_prob(loc, x, np.full(x.shape, known))
    assert relative(layer.stddev_of_data(), 2.0) < 2e-3
    assert float(layer.batches) == 2.0


def test_optimal_scale_has_a_floor_and_a_gradient_there():
    layer = optimal(2)
    loc = tf.constant([[0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(loc)
        log_prob = layer.training_log_prob(loc, loc)
    floor = float(layer.stddev_of_data())
    assert 0.99 < floor / np.exp(-6.0) < 1.01
    np.testing.assert_allclose(log_prob, 2 * stats.norm.logpdf(0.0, scale=floor), rtol=1e-5)
    assert np.all(np.isfinite(tape.gradient(log_prob, loc)))


def test_gradient_of_the_mean_is_that_at_the_optimal_scale(rng):
    """d/dloc is as if sigma were fixed: at its optimum its own derivative is zero."""
    loc, x = 5.0 * rng.normal(size=(2, 50, 3))
    loc = tf.constant(loc)
    sigma = np.sqrt(np.mean((x - loc) ** 2))
    with tf.GradientTape() as tape:
        tape.watch(loc)
        log_prob = tf.reduce_sum(optimal(3).training_log_prob(loc, x))
    assert relative(tape.gradient(log_prob, loc), (x - loc) / sigma**2) < 1e-3  # the soft floor


@pytest.mark.parametrize("batches", [1, 7, 100])
def test_the_stored_scale_is_that_of_all_batches_at_first(batches, rng):
    layer = optimal(3)
    errors = rng.normal(size=(batches, 20, 3)).astype("float32")
    for error in errors:
        layer.training_log_prob(np.zeros((20, 3), "float32"), error)
    assert relative(layer.squared_error, np.mean(np.square(errors, dtype="float64"))) < 1e-5


def test_the_stored_scale_follows_later_batches():
    layer = optimal(1)
    zero = np.zeros((4, 1), "float32")
    for size in [2.0] * 100 + [1.0] * 500:
        layer.training_log_prob(zero, zero + size)
    # 0.99^500 = 0.7% of the difference of 3 is left.
    assert relative(layer.squared_error, 1.0 + 3.0 * 0.99**500) < 1e-4


def test_outside_training_the_scale_is_the_stored_one(rng):
    loc, x = rng.normal(size=(2, 50, 3)).astype("float32")
    layer = optimal(3)
    layer.training_log_prob(loc, x)
    sigma = float(layer.stddev_of_data())
    expected = stats.norm.logpdf(x, loc, sigma).sum(axis=1)
    for rows in (slice(0, 1), slice(0, 50)):  # one example scores alike alone and in a batch
        assert relative(layer.log_prob(loc[rows], x[rows]), expected[rows]) < 1e-5
    assert float(layer.stddev_of_data()) == sigma, "scoring changes nothing"
    draws = layer.distribution(np.zeros((1, 3), "float32")).sample(20_000, seed=[1, 2])
    assert relative(np.std(draws), sigma) < 5 / np.sqrt(2 * 60_000)
    assert "sample" in layer.conversions
    assert float(layer.named_parameters(loc)["scale"][0, 0]) == pytest.approx(sigma)


def test_a_frozen_layer_keeps_and_uses_its_optimal_scale(make_vae, grey):
    vae = make_vae(likelihood=layers.NormalLikelihood((8, 8, 1), scale="optimal"))
    vae.compile("adam")
    vae.fit(grey, batch_size=20, verbose=0)
    layer = vae.likelihood_layer
    kept = [weight.numpy() for weight in layer.weights]
    layer.trainable = False
    assert not layer.learns_from_batches
    vae.compile("adam")
    vae.fit(3.0 * grey, batch_size=20, verbose=0)
    np.testing.assert_array_equal([weight.numpy() for weight in layer.weights], kept)
    params = np.zeros((2, 8, 8, 1), "float32")
    found = layer.training_log_prob(params, grey[:2])
    assert_same_in_float32(found, layer.log_prob(params, grey[:2]))
    layer.trainable = True
    layer.training_log_prob(params, grey[:2])
    assert float(layer.batches) == float(kept[1]) + 1.0


def test_optimal_scale_agrees_in_graph_and_xla(rng):
    loc, x = rng.normal(size=(2, 5, 4, 2)).astype("float32")
    layer = optimal((4, 2))
    eager = layer.training_log_prob(loc, x)
    assert eager.shape == (5,)
    spec = tf.TensorSpec((None, 4, 2))
    for jit_compile in (False, True):
        graph = tf.function(
            lambda loc, x: layer.training_log_prob(loc, x),
            [spec, spec],
            jit_compile=jit_compile,
            autograph=False,
        )
        assert relative(graph(loc, x), eager) < 1e-5


def test_an_optimal_scale_is_refused_in_a_loss_that_cannot_store_it():
    with pytest.raises(ValueError, match="Expected a likelihood without weights"):
        kvae.losses.NegativeLogLikelihood(layers.NormalLikelihood(3, scale="optimal"))


def test_sigma_vae_trains_stores_its_scale_and_reloads(make_vae, grey, tmp_path):
    vae = make_vae(likelihood=layers.NormalLikelihood((8, 8, 1), scale="optimal"))
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = vae.fit(grey, epochs=5, batch_size=20, verbose=0).history
    assert history["nll"][-1] < history["nll"][0]
    layer = vae.likelihood_layer
    assert float(layer.batches) == 10.0
    # Uniform pixels have 0.29; the first batches, with larger errors, count as well.
    assert 0.29 < float(layer.stddev_of_data()) < 0.9
    assert all(any(weight is each for each in vae.weights) for weight in layer.weights)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert again.likelihood_layer.scale == "optimal"
    assert float(again.likelihood_layer.stddev_of_data()) == float(layer.stddev_of_data())
    np.testing.assert_array_equal(again.elbo(grey, seed=0), vae.elbo(grey, seed=0))


# -- a learned scale -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (4, 3, 2)])
@pytest.mark.parametrize("shared", [True, False])
def test_learned_scale_appends_what_independent_normal_reads(shape, shared, rng):
    layer = layers.LearnedScale(shared=shared, initial=0.2)
    likelihood = layers.IndependentNormal(shape)
    loc = rng.normal(size=(5, *shape)).astype("float32")
    params = layer(loc)
    assert params.shape == (5, *likelihood.params_shape)
    assert layer.compute_output_shape((None, *shape)) == (None, *likelihood.params_shape)
    distribution = likelihood.distribution(params)
    np.testing.assert_array_equal(distribution.mean(), loc)
    np.testing.assert_allclose(distribution.stddev(), np.full((5, *shape), 0.2), rtol=1e-5)
    assert layer.count_params() == (1 if shared else np.prod(shape))


def test_learned_scale_finds_the_scale_of_each_element(rng):
    """Trained on noise of known size, the weights end at it."""
    truth = np.array([0.1, 1.0, 3.0])
    x = (truth * rng.normal(size=(4000, 3))).astype("float32")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.LearnedScale(shared=False)(keras.ops.zeros_like(inputs)))
    loss = kvae.losses.NegativeLogLikelihood(layers.IndependentNormal(3))
    model.compile(keras.optimizers.Adam(0.1), loss=loss, jit_compile=False)
    for _ in range(100):
        model.train_on_batch(x, x)
    found = layers.IndependentNormal(3).distribution(model(x[:1])).stddev()[0]
    # Standard error of a standard deviation: 1 / sqrt(2 n) = 1.1%; the rest is the optimizer's.
    np.testing.assert_allclose(found, truth, rtol=0.1)


@pytest.mark.slow
def test_a_vae_with_a_learned_scale_trains_it_and_reloads(make_vae, grey, tmp_path):
    likelihood = layers.IndependentNormal((8, 8, 1))
    plain = make_vae(likelihood=layers.NormalLikelihood((8, 8, 1)))
    vae = kvae.VAE(
        encoder=plain.encoder,
        posterior=plain.posterior_layer,
        decoder=keras.Sequential([plain.decoder, layers.LearnedScale()]),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    vae.fit(grey, epochs=2, verbose=0)
    raw_scale = vae.decoder.layers[-1].raw_scale
    assert float(raw_scale) < np.log(np.expm1(1.0))  # the noise is smaller than the initial scale
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.decoder.layers[-1].raw_scale, raw_scale)
    assert_same_in_float32(again.decode(np.zeros((1, 2))), vae.decode(np.zeros((1, 2))))


def test_learned_scale_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="Expected initial to be a finite number above 0"):
        layers.LearnedScale(initial=0.0)
    with pytest.raises(ValueError, match="shape is known beyond the batch"):
        layers.LearnedScale(shared=False).build((None, None, 3))
