"""PairVAE: the loss of a pair, a VAE of x alone after training, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.models.pair import shared_moments
from tests.helpers import assert_same_in_float32, run_python
from tests.small import SIGNATURES, kl, make_vae

FEATURES, LATENT_DIM, PAIRS = 6, 4, 50


def make(weight=1.0, regularizer=None, changed=None, **arguments):
    posterior = kvae.layers.MultivariateNormalDiag(
        LATENT_DIM, activity_regularizer=regularizer or kl(LATENT_DIM, weight), **arguments
    )
    parts = make_vae(FEATURES, LATENT_DIM, posterior=posterior).parts()
    return kvae.PairVAE(**parts, changed=changed)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    x, pair = (rng.uniform(size=(2, PAIRS, FEATURES)) > 0.5).astype("float32")
    return {"x": x, "pair": pair}


def shared_in_numpy(x, y, changed=None):
    """Return mean and stddev of both observations after averaging; so are `x` and `y`."""
    (m1, s1), (m2, s2) = ((np.float64(m), np.float64(s)) for m, s in (x, y))
    divergence = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2.0 * s2**2) - 0.5
    found = [m1.copy(), s1.copy(), m2.copy(), s2.copy()]
    for row, values in enumerate(divergence):
        if changed is None:
            shared = values < (values.min() + values.max()) / 2.0
        else:
            shared = np.ones(len(values), bool)
            shared[np.argsort(-values)[:changed]] = False
        for j in np.flatnonzero(shared):
            found[0][row, j] = found[2][row, j] = (m1[row, j] + m2[row, j]) / 2.0
            variance = (s1[row, j] ** 2 + s2[row, j] ** 2) / 2.0
            found[1][row, j] = found[3][row, j] = np.sqrt(variance)
    return (found[0], found[1]), (found[2], found[3])


def elbo_terms_in_numpy(vae, x, mean, stddev):
    """Return nll and KL of each observation at the posterior's mean."""
    logits = np.float64(vae.decoder(mean.astype("float32")))
    log_prob = x * -np.logaddexp(0.0, -logits) + (1.0 - x) * -np.logaddexp(0.0, logits)
    kls = 0.5 * (mean**2 + stddev**2 - 1.0) - np.log(stddev)
    return -log_prob.sum(axis=1), kls.sum(axis=1)


@pytest.mark.parametrize("changed", [None, 1, 3])
def test_dimensions_that_are_alike_get_the_mean_of_means_and_of_variances(changed):
    rng = np.random.default_rng(1)
    loc, scale = rng.normal(size=(2 * PAIRS, 5)), rng.uniform(0.1, 2.0, (2 * PAIRS, 5))
    halves = [(loc[rows], scale[rows]) for rows in (slice(PAIRS), slice(PAIRS, None))]
    expected = [
        np.concatenate(each) for each in zip(*shared_in_numpy(*halves, changed), strict=True)
    ]
    found = shared_moments(*(tf.constant(each, tf.float32) for each in (loc, scale)), changed)
    for values, wanted in zip(found, expected, strict=True):
        assert_same_in_float32(values.numpy(), wanted.astype("float32"))


def test_the_gradient_stays_finite_at_the_smallest_scales():
    loc = tf.constant([[0.0, 1.0], [0.0, 3.0]])
    scale = tf.constant([[1e-30, 1.0], [1e-30, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch([loc, scale])
        total = tf.add_n([tf.reduce_sum(each) for each in shared_moments(loc, scale)])
    for gradient in tape.gradient(total, [loc, scale]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("changed", [None, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_mean_negative_elbo_of_both_observations(pairs, changed, weighted):
    vae = make(weight=3.0, changed=changed, convert_to_tensor_fn="mean")  # no draws in evaluate
    weight = np.random.default_rng(2).uniform(0.1, 2.0, PAIRS) if weighted else np.ones(PAIRS)
    x, pair = pairs["x"], pairs["pair"]
    moments = shared_in_numpy(vae.encode(x), vae.encode(pair), changed)
    terms = [
        elbo_terms_in_numpy(vae, data, *each) for data, each in zip((x, pair), moments, strict=True)
    ]
    nll, divergence = (np.mean(weight * (a + b) / 2.0) for a, b in zip(*terms, strict=True))
    vae.compile("adam")
    given = {"sample_weight": weight} if weighted else {}
    logs = vae.evaluate(pairs, batch_size=PAIRS, verbose=0, return_dict=True, **given)
    assert logs["nll"] == pytest.approx(nll, rel=1e-5)
    assert logs["kl"] == pytest.approx(divergence, rel=1e-5)
    assert logs["loss"] == pytest.approx(nll + 3.0 * divergence, rel=1e-5)
    trained = vae.train_on_batch(pairs, return_dict=True, **given)
    assert trained["kl"] == pytest.approx(divergence, rel=1e-5)  # no draw in the closed form


def test_without_pairs_it_is_scored_as_a_vae(pairs):
    vae = make(convert_to_tensor_fn="mean")
    plain = kvae.VAE(**vae.parts())
    for model in (vae, plain):
        model.compile("adam", metrics=["mse"])
    found, expected = (m.evaluate(pairs["x"], verbose=0, return_dict=True) for m in (vae, plain))
    assert found == pytest.approx(expected, rel=1e-5)
    history = vae.fit(pairs, verbose=0, validation_data=pairs["x"]).history
    assert {"val_loss", "val_elbo", "val_mse", "mse"} <= set(history)
    assert np.isfinite(history["val_loss"][0])
    split = vae.fit(pairs, verbose=0, validation_split=0.2).history
    assert np.isfinite(split["val_loss"][0])


def test_array_methods_neither_need_nor_read_the_pair(pairs):
    vae, x = make(), pairs["x"]
    for method in (vae.encode, vae.score, vae.reconstruct, lambda data: vae.elbo(data, seed=1)):
        for found, expected in zip(method(pairs), method(x), strict=True):
            assert_same_in_float32(found, expected)
    for step, expected in ((vae.predict, vae.reconstruct(x)), (vae, vae(x))):
        assert_same_in_float32(np.asarray(step(x)), np.asarray(expected))


def test_each_row_of_the_loss_has_its_own_draw(pairs):
    vae = make()
    inputs, _ = vae.loss_inputs({name: tf.constant(each) for name, each in pairs.items()}, None)
    latent = vae.infer(inputs, [0, 1])["z"]
    (mean, other_mean), (z, other_z) = (
        np.split(each.numpy(), 2) for each in (latent.posterior.mean(), latent.value)
    )
    assert 0.2 < np.mean(mean == other_mean) < 0.9  # the shared dimensions
    assert not np.any(z == other_z)


def test_a_stream_of_pairs_trains_and_one_without_is_refused(pairs):
    vae = make()
    vae.compile("adam")
    dataset = tf.data.Dataset.from_tensor_slices(pairs).batch(10)
    assert np.isfinite(vae.fit(dataset, verbose=0).history["loss"][0])
    alone = tf.data.Dataset.from_tensor_slices(pairs["x"]).batch(10)
    for data in (alone, pairs["x"], {"x": pairs["x"]}):
        with pytest.raises(ValueError, match=r"Expected inputs named 'x', 'pair' .*Received: 'x'"):
            vae.fit(data, verbose=0)
    with pytest.raises(ValueError, match="Expected inputs named 'x', 'pair'"):
        vae.train_on_batch(pairs["x"])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (lambda pair: pair[:10], f"Expected pair to have one entry for each of the {PAIRS} exam"),
        (lambda pair: pair[:, :5], r"Expected pair to have shape \(batch, 6\)"),
        (lambda pair: np.where(pair > 0.5, np.nan, pair), "Expected pair to hold numbers in"),
        (lambda pair: pair * 255.0, "Expected pair to hold numbers in"),
    ],
)
def test_pairs_that_are_not_valid_are_refused_before_training(pairs, pair, message):
    vae = make()
    vae.compile("adam")
    before = [np.array(weight) for weight in vae.weights]
    with pytest.raises(ValueError, match=message):
        vae.fit({**pairs, "pair": pair(pairs["pair"])}, verbose=0)
    for weight, old in zip(vae.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_missing_values_may_be_in_both_observations(pairs):
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    vae = kvae.PairVAE(
        kvae.networks.mlp_encoder(2 * FEATURES, posterior.params_size, (8,)),
        posterior,
        kvae.networks.mlp_decoder(2, (FEATURES,), (8,)),
        kvae.layers.IndependentBernoulli(FEATURES),
        missing=True,
    )
    rng = np.random.default_rng(3)
    gaps = {n: np.where(rng.uniform(size=x.shape) < 0.3, np.nan, x) for n, x in pairs.items()}
    vae.compile("adam")
    assert np.isfinite(vae.fit(gaps, verbose=0).history["loss"][0])
    assert np.isfinite(vae.impute(gaps["x"], draws=4, seed=0)).all()


@pytest.mark.parametrize(
    "regularizer",
    [
        kvae.regularizers.FreeBits(kvae.priors.StandardNormal(LATENT_DIM), free_bits=0.1),
        kvae.regularizers.Capacity(kvae.priors.StandardNormal(LATENT_DIM), capacity=1.0),
        kl(LATENT_DIM) + kvae.regularizers.DisentangledInferredPrior("ii", weight=2.0),
    ],
    ids=["free_bits", "capacity", "dip"],
)
def test_penalties_are_those_of_the_shared_posteriors(pairs, regularizer):
    vae = make(regularizer=regularizer, convert_to_tensor_fn="mean")
    vae.compile("adam")
    logs = vae.evaluate(pairs, batch_size=PAIRS, verbose=0, return_dict=True)
    inputs, _ = vae.loss_inputs({name: tf.constant(each) for name, each in pairs.items()}, None)
    latent = vae.infer(inputs, None)["z"]
    expected = float(regularizer(latent, kvae.contract.Batch(inputs=inputs)))
    assert logs["loss"] == pytest.approx(logs["nll"] + expected, rel=1e-5)


@pytest.mark.parametrize("gradient", ["standard", "doubly_reparameterized"])
def test_importance_weights_take_the_shared_posterior(pairs, gradient):
    vae = make()
    vae.compile("adam", loss=kvae.losses.ImportanceWeightedELBO(5, gradient))
    logs = vae.fit(pairs, verbose=0).history
    assert logs["iwae"][0] <= -logs["elbo"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"changed": 0}, "Expected changed to be a positive integer"),
        ({"changed": LATENT_DIM}, "Expected changed to be less than the 4 latent dimensions"),
        (
            {"regularizer": kl(LATENT_DIM) + kvae.regularizers.TotalCorrelation(100)},
            "Expected a posterior without TotalCorrelation",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_another_posterior_is_refused():
    tril = kvae.layers.MultivariateNormalTriL(LATENT_DIM, activity_regularizer=kl(LATENT_DIM))
    with pytest.raises(ValueError, match=r"MultivariateNormalDiag.*Received: a MultivariateNorm"):
        kvae.PairVAE(**make_vae(FEATURES, LATENT_DIM, posterior=tril).parts())


def test_an_encoder_of_something_else_than_the_data_is_refused():
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    with pytest.raises(ValueError, match=r"Expected a likelihood with events of the shape of x"):
        kvae.PairVAE(
            kvae.networks.mlp_encoder(3, posterior.params_size, (8,)),
            posterior,
            kvae.networks.mlp_decoder(2, (FEATURES,), (8,)),
            kvae.layers.IndependentBernoulli(FEATURES),
        )


def test_it_is_saved_and_resumed_bit_for_bit(pairs, tmp_path):
    def trained(folder, *ends):
        for epochs in ends:
            keras.utils.set_random_seed(4)
            vae = make(changed=2)
            vae.compile("adam", jit_compile=False)
            checkpoint = kvae.callbacks.Checkpoint(tmp_path / folder, every="epoch")
            vae.fit(pairs, epochs=epochs, verbose=0, callbacks=[checkpoint])
        return vae

    whole, resumed = trained("whole", 4), trained("resumed", 2, 4)
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    whole.save(tmp_path / "pair.keras")
    again = keras.saving.load_model(tmp_path / "pair.keras")
    assert isinstance(again, kvae.PairVAE)
    assert again.changed == 2
    logs, same = (m.evaluate(pairs, verbose=0, return_dict=True, seed=0) for m in (whole, again))
    assert logs == pytest.approx(same, rel=1e-6)


REPLICAS = """
import numpy as np
import kvae
from tests.models.replicas import train_in_both
from tests.small import make_vae

rng = np.random.default_rng(0)
data = dict(zip(("x", "pair"), rng.uniform(size=(2, 50, 6)).astype("float32")))
train_in_both(
    lambda: kvae.PairVAE(**make_vae(6, 3).parts(), changed=1), data, sample_weight=np.arange(50.0)
)
"""


@pytest.mark.slow
def test_two_replicas_train_as_one_process_does(tmp_path):
    assert "same 2" in run_python(REPLICAS, tmp_path, prepared=True)


@pytest.mark.slow
def test_trained_it_is_diagnosed_explored_and_exported_as_a_vae(pairs, tmp_path):
    vae, x = make(), pairs["x"]
    vae.compile("adam", jit_compile=False)
    vae.fit(pairs, epochs=2, verbose=0)
    assert kvae.diagnose(vae, x).verdict.state in kvae.diagnosis.STATES
    assert kvae.traverse(vae, x[:1], steps=5).decoded.shape == (1, LATENT_DIM, 5, FEATURES)
    assert vae.fit_prior(x).sample(3, seed=0).shape == (3, FEATURES)
    path = tmp_path / "pair.tflite"
    result = kvae.export.tflite(vae, path, signatures=SIGNATURES, data=x)
    assert set(result.signatures) == set(SIGNATURES)
    assert result.max_error < 1e-5
    inputs = {name for each in result.signatures.values() for name in each["inputs"]}
    assert inputs == {"x", "z", "z_a", "z_b", "t", "seed"}


@pytest.mark.slow
def test_pairs_turn_the_axes_to_the_factors():
    """Factors of equal variance mixed by a rotation: only what a pair shares tells them apart.

    A code turned by 45 degrees against the factors is correlated by 0.71 with both.
    """
    rng, turn = np.random.default_rng(0), np.array([[0.8, -0.6], [0.6, 0.8]])
    factors = rng.normal(size=(2, 4000, 2))
    same = rng.integers(2, size=4000)
    factors[1, np.arange(4000), same] = factors[0, np.arange(4000), same]
    x, pair = (2.0 * factors @ turn.T + 0.1 * rng.normal(size=factors.shape)).astype("float32")
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood = kvae.layers.IndependentNormal(2, min_scale=0.1)
    keras.utils.set_random_seed(0)
    vae = kvae.PairVAE(
        kvae.networks.mlp_encoder(2, posterior.params_size, ()),
        posterior,
        kvae.networks.mlp_decoder(2, likelihood.params_shape, ()),
        likelihood,
    )
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit({"x": x, "pair": pair}, epochs=60, batch_size=100, verbose=0)
    correlation = np.abs(np.corrcoef(factors[0].T, vae.encode(x)[0].T)[:2, 2:])
    assert correlation.max(axis=1).min() > 0.95, correlation
    assert correlation.min(axis=1).max() < 0.35, correlation
