import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
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


def test_optimal_scale_is_the_root_of_the_mean_squared_error(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4, 2))
    normal = layers.NormalLikelihood((4, 2), scale="optimal").distribution(loc)
    expected = np.sqrt(np.mean((x - loc) ** 2))
    # The soft floor adds log(1 + exp(-6 - log sigma)) = 0.0006 to log sigma = 1.4.
    assert relative(normal.optimal_scale(x), expected) < 1e-3


def test_no_fixed_scale_makes_the_batch_likelier(rng):
    loc, x = 3.0 * rng.normal(size=(2, 50, 4, 2))
    found = layers.NormalLikelihood((4, 2), scale="optimal").distribution(loc).log_prob(x)
    best = max(stats.norm.logpdf(x, loc, scale).sum() for scale in np.geomspace(0.5, 50, 2001))
    # Both miss the optimum by less than 0.1%, and the likelihood is flat there.
    assert relative(np.sum(found), best) < 1e-5


def test_optimal_scale_has_a_floor_and_a_gradient_there():
    layer = layers.NormalLikelihood(2, scale="optimal")
    loc = tf.constant([[0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(loc)
        log_prob = layer.distribution(loc).log_prob(loc)
    floor = float(layer.distribution(loc).optimal_scale(loc))
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
        distribution = layers.NormalLikelihood(3, scale="optimal").distribution(loc)
        log_prob = tf.reduce_sum(distribution.log_prob(x))
    assert relative(tape.gradient(log_prob, loc), (x - loc) / sigma**2) < 1e-3  # the soft floor


def test_optimal_scale_has_shapes_in_graph_and_xla(rng):
    layer = layers.NormalLikelihood((4, 2), scale="optimal")
    loc, x = rng.normal(size=(2, 5, 4, 2)).astype("float32")
    eager = layer.distribution(loc).log_prob(x)
    assert eager.shape == (5,)

    def log_prob(loc, x):
        distribution = layer.distribution(loc)
        assert tuple(distribution.event_shape) == (4, 2)
        return distribution.log_prob(x)

    spec = tf.TensorSpec((None, 4, 2))
    for jit_compile in (False, True):
        graph = tf.function(log_prob, [spec, spec], jit_compile=jit_compile, autograph=False)
        assert relative(graph(loc, x), eager) < 1e-5


def test_optimal_scale_gives_the_mean_and_refuses_to_draw(rng):
    layer = layers.NormalLikelihood(3, scale="optimal")
    loc = rng.normal(size=(2, 3)).astype("float32")
    np.testing.assert_array_equal(layer(loc), loc)
    with pytest.raises(ValueError, match="known only from data"):
        layer(loc, training=True)
    with pytest.raises(ValueError, match="convert_to_tensor_fn"):
        layers.NormalLikelihood(3, scale="optimal", convert_to_tensor_fn="sample")


@pytest.mark.slow
def test_sigma_vae_trains_and_reloads(make_vae, grey, tmp_path):
    vae = make_vae(likelihood=layers.NormalLikelihood((8, 8, 1), scale="optimal"))
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = vae.fit(grey, epochs=5, batch_size=20, verbose=0).history
    assert history["nll"][-1] < history["nll"][0]
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert again.likelihood_layer.scale == "optimal"
    assert_same_in_float32(again.decode(np.zeros((1, 2))), vae.decode(np.zeros((1, 2))))


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
