"""FactorVAE: the density ratio, the two optimizers, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.models.factor import shuffled
from kvae.training.trackers import Trackers
from tests.helpers import raw_scale
from tests.small import kl

UNITS = 16


def make(features=6, latent_dim=3, **arguments):
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl(latent_dim))
    likelihood = kvae.layers.IndependentBernoulli(features)
    arguments.setdefault("discriminator_units", UNITS)
    return kvae.FactorVAE(
        kvae.networks.mlp_encoder(features, posterior.params_size, hidden=(8,)),
        posterior,
        kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, hidden=(8,)),
        likelihood,
        **arguments,
    )


@pytest.fixture
def x():
    return (np.random.default_rng(0).uniform(size=(64, 6)) > 0.5).astype("float32")


def test_each_dimension_is_shuffled_by_itself_over_the_batch():
    z = tf.constant(np.random.default_rng(0).normal(size=(50, 3)), tf.float32)
    found = shuffled(z, seed=[-5, 1]).numpy()
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(z.numpy(), axis=0))
    order = [[z.numpy()[:, d].tolist().index(value) for value in found[:, d]] for d in range(3)]
    assert order[0] != order[1] != order[2] != order[0]
    again = tf.function(shuffled, jit_compile=True)(z, tf.constant([-5, 1])).numpy()
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_dimension_is_shuffled_by_weight(jit_compile):
    weight = np.array([0.0, 3.0, 1.0, 0.0, 0.5, 2.0, 0.0], "float32")
    z = np.repeat(np.arange(7.0, dtype="float32")[:, None], 20_000, axis=1)
    function = tf.function(shuffled, jit_compile=jit_compile)
    found = function(z, tf.constant([-5, 1]), tf.constant(weight)).numpy()
    assert set(np.unique(found)) == {1.0, 2.0, 4.0, 5.0}
    mass = np.array([np.sum(weight @ (found == row)) / 20_000 for row in range(7)])
    np.testing.assert_allclose(mass, weight, atol=0.04)  # five standard errors
    assert np.all(np.isfinite(function(z, tf.constant([-5, 1]), tf.zeros(7))))


def test_equal_weights_shuffle():
    z = tf.constant(np.random.default_rng(0).normal(size=(50, 3)), tf.float32)
    found = shuffled(z, [-5, 1], tf.fill((50,), 0.25)).numpy()
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(z.numpy(), axis=0))
    np.testing.assert_array_equal(found, shuffled(z, [-5, 1]))


def test_the_discriminator_sees_no_codes_of_weight_zero(x):
    vae = make(gamma=2.0)
    seen = []
    call = vae.discriminator.call
    vae.discriminator.call = lambda z, **kwargs: seen.append(z.numpy()) or call(z, **kwargs)
    vae.compile("adam", jit_compile=False, run_eagerly=True)
    vae.train_on_batch(x, sample_weight=np.repeat([1.0, 0.0], 32))
    real, fake = seen[-2:]
    assert np.all(np.isin(fake, real[:32]))
    assert not np.isin(fake, real[32:]).any()


class Correlated(keras.layers.Layer):
    """The parameters of a posterior whose aggregate over x ~ N(0, I) is a normal of known moments.

    The mean is A x and the variance 0.19: the aggregate has the covariance A A' + 0.19.
    """

    A = np.array([[0.9, 0.0], [0.72, 0.54]], "float32")

    def call(self, x):
        raw = raw_scale(np.sqrt(0.19)).astype("float32")
        return tf.concat([tf.matmul(x, self.A.T), tf.fill(tf.shape(x), raw)], axis=1)


@pytest.mark.slow
def test_the_total_correlation_is_that_of_a_normal():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2)).astype("float32")
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood = kvae.layers.IndependentNormal(2)
    inputs = keras.Input((2,))
    encoder = keras.Model(inputs, Correlated()(inputs))
    stddev = posterior.distribution(encoder(x[:1])).stddev().numpy()
    np.testing.assert_allclose(stddev, np.sqrt(0.19), rtol=1e-2)  # no floor of a scale in the way
    keras.utils.set_random_seed(0)
    decoder = kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=())
    vae = kvae.FactorVAE(encoder, posterior, decoder, likelihood, gamma=0.0, discriminator_units=32)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, 20 * 80))
    vae.compile("adam", discriminator_optimizer=optimizer, jit_compile=False)
    vae.fit(x, batch_size=250, epochs=20, verbose=0)
    logs = vae.evaluate(x, batch_size=1000, verbose=0, return_dict=True, seed=0)
    covariance = Correlated.A @ Correlated.A.T + 0.19 * np.eye(2)
    exact = 0.5 * np.log(np.prod(np.diag(covariance)) / np.linalg.det(covariance))
    assert logs["total_correlation"] == pytest.approx(exact, rel=0.1)
    assert logs["discriminator_error"] < np.log(2.0)


def test_each_optimizer_trains_its_own_variables(x):
    vae = make(gamma=2.0)
    frozen = keras.optimizers.SGD(0.0)
    for optimizers, changed in (
        ((frozen, keras.optimizers.SGD(0.1)), "discriminator"),
        ((keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.0)), "others"),
    ):
        vae.compile(optimizers[0], discriminator_optimizer=optimizers[1])
        groups = {name: own for name, (_, own) in vae.update_groups().items()}
        assert len(groups["model"]) + len(groups["discriminator"]) == len(vae.trainable_variables)
        before = {name: [v.numpy() for v in own] for name, own in groups.items()}
        vae.fit(x, batch_size=32, verbose=0)
        moved = {
            name: any((v.numpy() != old).any() for v, old in zip(own, before[name], strict=True))
            for name, own in groups.items()
        }
        assert moved == {"discriminator": changed == "discriminator", "model": changed == "others"}


def test_gamma_is_the_weight_of_the_total_correlation(x):
    vae = make(gamma=2.0)
    vae.compile("adam")
    logs = vae.evaluate(x, verbose=0, return_dict=True, seed=0)
    expected = logs["nll"] + logs["kl"] + 2.0 * logs["total_correlation"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["total_correlation_weight"] == 2.0
    assert logs["discriminator_loss"] == pytest.approx(logs["discriminator_error"], rel=1e-6)


def test_both_optimizers_are_saved_and_go_on(x, tmp_path):
    vae = make(gamma=2.0)
    vae.compile("adam", discriminator_optimizer=keras.optimizers.RMSprop(1e-3))
    vae.fit(x, verbose=0)
    vae.save(tmp_path / "factor.keras")
    again = keras.saving.load_model(tmp_path / "factor.keras")
    assert isinstance(again.discriminator_optimizer, keras.optimizers.RMSprop)
    assert again.gamma == 2.0
    for name in ("optimizer", "discriminator_optimizer"):
        ours, theirs = getattr(vae, name).variables, getattr(again, name).variables
        assert len(ours) == len(theirs) > 2
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
    logs, same = (m.evaluate(x, verbose=0, return_dict=True, seed=0) for m in (vae, again))
    assert logs == pytest.approx(same, rel=1e-6)
    assert np.isfinite(again.fit(x, verbose=0).history["loss"][0])


def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(x, tmp_path):
    def trained(folder, *ends):
        for epochs in ends:
            keras.utils.set_random_seed(4)
            vae = make(gamma=2.0)
            vae.compile("adam", discriminator_optimizer="adam", jit_compile=False)
            checkpoint = kvae.callbacks.Checkpoint(tmp_path / folder, every="epoch")
            vae.fit(x, epochs=epochs, verbose=0, callbacks=[checkpoint])
        return [np.array(v) for v in (*vae.weights, *vae.discriminator_optimizer.variables)]

    for one, other in zip(trained("whole", 4), trained("resumed", 2, 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weight_decay_of_the_discriminator_is_its_own(x):
    discriminator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))]
    )
    vae = make(discriminator=discriminator)
    vae.compile("adam")
    logs = vae.evaluate(x, verbose=0, return_dict=True, seed=0)
    decay = 0.1 * float(np.sum(np.square(discriminator.layers[0].kernel.numpy())))
    assert "regularization" not in logs
    assert logs["discriminator_regularization"] == pytest.approx(decay, rel=1e-5)
    assert logs["discriminator_loss"] == pytest.approx(
        logs["discriminator_error"] + decay, rel=1e-5
    )


def test_losses_of_activities_in_the_discriminator_are_those_of_both_calls(x):
    """Of a linear one the mean over the shuffled codes is that over the codes."""
    dense = keras.layers.Dense(1, activity_regularizer=tf.reduce_sum)
    vae = make(discriminator=keras.Sequential([keras.Input((3,)), dense]))
    vae.compile("adam")
    logs = vae.evaluate(x, verbose=0, return_dict=True, seed=0)
    expected = 2.0 * logs["total_correlation"]
    assert logs["discriminator_regularization"] == pytest.approx(expected, rel=1e-4)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"Expected gamma to be .*Received: gamma=-1"):
        make(gamma=-1.0)
    wrong = kvae.networks.mlp_encoder(3, 2, hidden=())
    with pytest.raises(ValueError, match=r"\(None, 3\) -> \(None, 1\).*Received: .*\(None, 2\)"):
        make(discriminator=wrong)
    with pytest.raises(ValueError, match="Expected discriminator to be a Keras model"):
        make(discriminator="mlp")


def test_terms_of_regularized_networks_are_known_before_the_first_batch():
    """Several replicas can make no running mean in a step."""
    dense = keras.layers.Dense(1, kernel_regularizer="l2")
    vae = make(discriminator=keras.Sequential([keras.Input((3,)), dense]))
    vae.encoder.layers[-1].activity_regularizer = keras.regularizers.L2(0.1)
    vae.compile(optimizer="adam")
    names = vae.trackers.names
    assert {"regularization", "discriminator_regularization"} <= set(names)
    vae.train_on_batch(np.zeros((8, 6), "float32"))
    assert vae.trackers.names == names


def test_an_unnamed_term_is_refused_on_several_replicas():
    trackers = Trackers(["loss"])
    trackers._counts = False  # as on several replicas
    with pytest.raises(ValueError, match=r"Expected term_names to hold 'mine'.*: loss"):
        trackers.update({"loss": 1.0, "mine": 2.0}, 8, training=True)
