"""The arguments that `tfp.layers.KLDivergenceRegularizer` takes, here."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.penalties import penalty
from tests.small import make_vae

tfd = tfp.distributions
KL = kvae.regularizers.KLDivergenceRegularizer
PRIOR = kvae.priors.StandardNormal


@keras.saving.register_keras_serializable(package="test_kl_arguments")
def hundred_draws(posterior):
    return posterior.sample(100, seed=[1, 2])


@keras.saving.register_keras_serializable(package="test_kl_arguments")
def grid_of_draws(posterior):
    return posterior.sample((10, 10), seed=[1, 2])


@keras.saving.register_keras_serializable(package="test_kl_arguments")
def one_mean(posterior):
    return tf.reduce_mean(posterior.mean(), axis=0)


def unregistered(posterior):
    return posterior.sample(3)


@pytest.fixture
def posterior(rng):
    loc, scale = rng.normal(size=(2, 5, 3)).astype("float32")
    return tfd.MultivariateNormalDiag(loc, np.exp(scale))


def estimate(posterior, points):
    """log q - log p at points (S, batch, d), averaged over both, in NumPy and float64."""
    loc, scale, z = (np.asarray(a, "float64") for a in (posterior.loc, posterior.stddev(), points))
    log_q = -0.5 * ((z - loc) / scale) ** 2 - np.log(scale)
    return float(np.mean(np.sum(log_q + 0.5 * z**2, axis=-1)))


def test_positional_order_and_keywords_are_tfps():
    theirs = list(inspect.signature(tfp.layers.KLDivergenceRegularizer.__init__).parameters)
    ours = list(inspect.signature(KL.__init__).parameters)
    assert theirs[1] == "distribution_b"
    assert ours[1] == "prior"
    assert ours[2 : len(theirs)] == theirs[2:]
    assert "distribution_b" in ours


def test_distribution_b_is_another_name_of_prior():
    assert KL(distribution_b=tfd.MultivariateNormalDiag(tf.zeros(3))).prior.event_shape == (3,)
    with pytest.raises(ValueError, match="not both"):
        KL(PRIOR(2), distribution_b=PRIOR(2))
    with pytest.raises(ValueError, match="Expected a kvae prior"):
        KL()


def test_no_weight_is_a_weight_of_one():
    assert KL(PRIOR(2), weight=None).weight == 1.0
    assert KL(PRIOR(2), True, (), None, 0.5).weight == 0.5


@pytest.mark.parametrize("function", [hundred_draws, grid_of_draws])
@pytest.mark.parametrize("axis", [(), None, 0, [0], (0, 1), -1])
def test_several_test_points_are_averaged_whatever_the_axis(function, axis, posterior):
    kl = KL(PRIOR(3), False, axis, function)
    expected = estimate(posterior, function(posterior))
    assert float(penalty(kl, posterior, None)) == pytest.approx(expected, rel=1e-5)


def test_default_test_point_is_the_decoders_draw(posterior):
    z = posterior.sample(seed=[3, 4])
    for function in (None, tf.convert_to_tensor):
        kl = KL(PRIOR(3), use_exact_kl=False, test_points_fn=function)
        assert float(penalty(kl, posterior, z)) == pytest.approx(estimate(posterior, z), rel=1e-5)


@pytest.mark.parametrize("function", ["sample", tfd.Distribution.sample])
def test_sample_draws_anew(function, posterior):
    kl = KL(PRIOR(3), use_exact_kl=False, test_points_fn=function)
    assert kl.test_points_fn == "sample"
    z = posterior.sample()
    first, again, other = (float(penalty(kl, posterior, z, seed=[1, n])) for n in (1, 1, 2))
    assert first == again != other


def test_sample_agrees_with_the_closed_form_on_average(rng):
    loc, scale = rng.normal(size=(2, 1, 3)).astype("float32")
    many = tfd.MultivariateNormalDiag(np.tile(loc, (100_000, 1)), np.exp(scale))
    exact = float(penalty(KL(PRIOR(3)), many, None))
    drawn = KL(PRIOR(3), use_exact_kl=False, test_points_fn="sample")
    estimated = float(penalty(drawn, many, seed=[1, 2]))
    assert estimated == pytest.approx(exact, rel=0.01)


def test_closed_form_needs_no_test_points(posterior):
    kl = KL(PRIOR(3), use_exact_kl=True, test_points_fn=unregistered_but_refused())
    expected = tf.reduce_mean(tfd.kl_divergence(posterior, PRIOR(3).distribution()))
    assert float(penalty(kl, posterior, None)) == pytest.approx(float(expected), rel=1e-5)


def unregistered_but_refused():
    """A registered function that fails when it is called."""

    @keras.saving.register_keras_serializable(package="test_kl_arguments")
    def fails(posterior):
        raise AssertionError

    return fails


@pytest.mark.parametrize("wrong", [lambda q: q.sample(10), unregistered, "mean", 3])
def test_test_points_fn_that_cannot_be_saved_is_refused(wrong):
    with pytest.raises(ValueError, match='Expected test_points_fn to be None, "sample" or a func'):
        KL(PRIOR(2), test_points_fn=wrong)


@pytest.mark.parametrize("wrong", ["0", 0.5, [0.5], (None,)])
def test_test_points_reduce_axis_holds_integers(wrong):
    with pytest.raises(ValueError, match="Expected test_points_reduce_axis to be an int"):
        KL(PRIOR(2), test_points_reduce_axis=wrong)


def test_test_points_without_the_batch_are_refused():
    # log_prob would broadcast them to the batch: the posterior's batch has to be among them.
    posterior = tfd.MultivariateNormalDiag(tf.zeros((5, 3)), tf.ones((5, 3)))
    kl = KL(PRIOR(3), use_exact_kl=False, test_points_fn=one_mean)
    with pytest.raises(ValueError, match="Expected test_points_fn to return points of shape"):
        penalty(kl, posterior, None)


def test_repr_says_when_the_kl_is_an_estimate(posterior):
    assert "use_exact_kl=False" in repr(KL(PRIOR(3), use_exact_kl=False))
    assert "use_exact_kl" not in repr(KL(PRIOR(3)))


@pytest.mark.parametrize("function", [None, "sample", hundred_draws])
def test_keras_file_gives_the_regularizer_back(function, tmp_path):
    kl = KL(PRIOR(2), False, [0], function, 0.5)
    layer = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    regularizer = loaded.layers[-1].regularizer
    assert regularizer.get_config() == kl.get_config()
    assert regularizer.test_points_fn is function or regularizer.test_points_fn == function
    assert (regularizer.weight, regularizer.test_points_reduce_axis) == (0.5, (0,))


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
def test_fresh_test_points_train_in_a_graph(jit_compile, rng):
    kl = KL(PRIOR(2), use_exact_kl=False, test_points_fn="sample", weight=0.1)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    model = keras.Sequential([keras.layers.Dense(posterior.params_size), posterior])
    # The loss is the KL alone: only its own points differ from step to step.
    model.compile(keras.optimizers.SGD(0.0), lambda y, z: 0.0 * z, jit_compile=jit_compile)
    x = rng.normal(size=(32, 3)).astype("float32")
    logs = [model.train_on_batch(x, x[:, :2], return_dict=True) for _ in range(2)]
    assert np.isfinite(logs[0]["loss"])
    assert logs[0]["loss"] != logs[1]["loss"]


def test_the_score_is_at_the_point_and_leaves_later_draws_alone(rng):
    """Two scores of one example differed by nats."""
    kl = KL(PRIOR(2), use_exact_kl=False, test_points_fn="sample")
    layer = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl, seed=3)
    vae, x = make_vae(5, posterior=layer), rng.uniform(size=(8, 5)).astype("float32")
    before = layer.seed_generator.state.numpy()
    found = vae.score(x)
    np.testing.assert_array_equal(layer.seed_generator.state.numpy(), before)
    mean = vae.encode(x)[0]
    q = vae.posterior(tf.constant(x))
    ratio = q.log_prob(mean) - PRIOR(2).distribution().log_prob(mean)
    np.testing.assert_allclose(found, vae.score(x, terms=True)["nll"] + ratio, rtol=1e-5)


def test_fresh_test_points_are_the_layers_draws():
    """So that they are the same with and without XLA, as the layer says."""
    kl = KL(PRIOR(2), use_exact_kl=False, test_points_fn="sample")
    layer = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    latent = make_vae(5, posterior=layer).infer({"x": tf.ones((4, 5))}, [0, 1])["z"]
    points = layer.draw(latent.posterior, latent.seed)
    ratio = latent.posterior.log_prob(points) - PRIOR(2).distribution().log_prob(points)
    np.testing.assert_allclose(latent.kl(), ratio, rtol=1e-5, atol=1e-5)
