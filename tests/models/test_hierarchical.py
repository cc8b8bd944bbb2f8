"""Hierarchies: closed forms, many layers, seeds, signatures, and what is refused."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from kvae.losses.importance_weighted import log_weights
from tests.helpers import assert_same_in_float32, raw_scale
from tests.small import kl, make_hierarchy

normal = kvae.layers.MultivariateNormalDiag
given = kvae.priors.GivenNormal
KL = kvae.regularizers.KLDivergenceRegularizer


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.uniform(size=(64, 1)) > rng.uniform(size=(64, 6))).astype("float32")


@pytest.fixture(scope="module")
def model():
    return make_hierarchy((2, 3, 2), (6,))


# -- a linear model with Gaussian variables: log p(x) is known ---------------------------------

A = np.array([[0.8], [-0.5]])  # z2 = A z1 + 0.6 noise
D1 = np.array([[0.3], [0.0], [-0.7], [0.2]])  # x = D1 z1 + D2 z2 + 0.5 noise
D2 = np.array([[1.0, 0.0], [0.5, 0.0], [0.0, -1.5], [0.0, 0.4]])  # orthogonal columns
BELOW, NOISE = 0.6, 0.5


def linear(inputs, matrices, bias, name):
    """Return a network that computes the sum of matrix @ input, plus bias."""
    inputs = [keras.Input((matrix.shape[1],)) for matrix in matrices]
    joined = inputs[0] if len(inputs) == 1 else keras.layers.Concatenate()(inputs)
    dense = keras.layers.Dense(len(bias), name=f"{name}_dense")
    outputs = dense(joined)
    dense.set_weights([np.concatenate(matrices, axis=1).T, np.asarray(bias)])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=name)


def linear_hierarchy(error=0.0):
    """Return the model with its exact posteriors, the mean of z1 being wrong by `error`.

    The state is z1, then (z1, z2); the features are x.
    """
    covariance = BELOW**2 * D2 @ D2.T + NOISE**2 * np.eye(4)  # of x given z1
    slope = D1 + D2 @ A
    precision = np.linalg.inv(covariance)
    variance1 = 1.0 / (1.0 + slope.T @ precision @ slope).item()
    mean1 = variance1 * slope.T @ precision  # (1, 4)
    variance2 = 1.0 / (1.0 / BELOW**2 + np.sum(D2**2, axis=0) / NOISE**2)
    gain = variance2[:, None] * D2.T / NOISE**2  # of x - D1 z1 - D2 A z1
    raw1 = raw_scale(variance1**0.5)
    raw_prior = raw_scale(BELOW - 1e-3)  # the prior adds its floor of 0.001
    raw2 = [raw_scale(value) - raw_prior for value in np.sqrt(variance2)]
    one, two, four = np.zeros((1, 1)), np.zeros((2, 1)), np.zeros((2, 4))
    x = keras.Input((4,))
    top = linear(x, [np.concatenate([mean1, 0.0 * mean1])], [error, raw1], "top")
    rows = [np.concatenate([gain @ -slope, two]), np.concatenate([gain, four])]
    likelihood = kvae.layers.NormalLikelihood(4, scale=NOISE)
    return kvae.HierarchicalVAE(
        encoder=keras.Model(x, [top(x), keras.layers.Identity()(x)]),
        posteriors=[
            normal(1, activity_regularizer=kl(1)),
            normal(2, activity_regularizer=KL(given(2))),
        ],
        state_networks=[
            linear(None, [one + 1.0], [0.0], "state_1"),
            linear(
                None,
                [np.array([[1.0], [0.0], [0.0]]), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])],
                [0.0, 0.0, 0.0],
                "state_2",
            ),
        ],
        prior_networks=[
            linear(None, [np.concatenate([A, two])], [0.0, 0.0, raw_prior, raw_prior], "prior")
        ],
        posterior_networks=[linear(None, rows, [0.0, 0.0, *raw2], "posterior")],
        decoder=linear(None, [np.concatenate([D1, D2], axis=1)], np.zeros(4), "decoder"),
        likelihood=likelihood,
    ), variance1


def log_evidence(x):
    slope = D1 + D2 @ A
    covariance = slope @ slope.T + BELOW**2 * D2 @ D2.T + NOISE**2 * np.eye(4)
    return stats.multivariate_normal(np.zeros(4), covariance).logpdf(x)


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(1).normal(size=(5, 4)).astype("float32")


def test_with_the_exact_posterior_each_draw_has_the_weight_of_the_evidence(points):
    model, _ = linear_hierarchy()
    inputs = {"x": tf.constant(points)}
    weights = tf.add_n(log_weights(model, inputs, model.infer(inputs, [0, 1], draws=7)))
    np.testing.assert_allclose(weights, np.tile(log_evidence(points), (7, 1)), atol=1e-4)
    bound = kvae.evaluation.log_likelihood(model, points, samples=3).per_example
    np.testing.assert_allclose(bound, log_evidence(points), atol=1e-4)


@pytest.mark.parametrize("error", [0.0, 0.3])
def test_the_elbo_is_the_evidence_minus_the_kl_to_the_exact_posterior(points, error):
    """Its mean over draws; a mean of z1 that is wrong by e costs e^2 / (2 variance)."""
    model, variance = linear_hierarchy(error)
    elbo = model.elbo(np.repeat(points, 4000, axis=0), seed=0).reshape(5, 4000)
    expected = log_evidence(points) - error**2 / (2.0 * variance)
    standard_error = elbo.std(axis=1, ddof=1) / 4000**0.5
    assert np.all(np.abs(elbo.mean(axis=1) - expected) < 5 * standard_error + 1e-4)


# -- training ----------------------------------------------------------------------------------


def test_a_new_layer_starts_at_its_prior(x):
    model = make_hierarchy((2, 3, 2), (6,), started=False)
    latents = model.infer({"x": tf.constant(x)}, [0, 1])
    for name in ("z2", "z3"):
        assert np.max(latents[name].kl()) < 1e-4


def test_the_logs_hold_a_kl_for_each_layer_and_the_loss_is_the_sum_of_its_terms(model, x):
    model.compile("adam")
    logs = model.evaluate(x, verbose=0, return_dict=True, seed=0)
    kls = [logs[f"z{index}_kl"] for index in (1, 2, 3)]
    assert logs["kl"] == pytest.approx(sum(kls), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["nll"] + sum(kls), rel=1e-5)
    assert logs["elbo"] == pytest.approx(-logs["loss"], rel=1e-5)


@pytest.mark.thorough
def test_twelve_layers_train_stably(x):
    model = make_hierarchy((2,) * 12, (6,), started=False, regularizer=warmed_up)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    history = model.fit(x, batch_size=16, epochs=10, verbose=0).history
    assert all(np.all(np.isfinite(values)) for values in history.values())
    assert history["nll"][-1] < history["nll"][0]
    assert history["z12_free_bits_weight"][-1] == 1.0


def warmed_up(prior):
    weight = kvae.regularizers.schedules.Linear(20, 0.1, 1.0)
    return kvae.regularizers.FreeBits(prior, 0.02, weight=weight)


@pytest.mark.parametrize(
    "objective",
    [
        kvae.losses.NegativeELBO(draws=3),
        kvae.losses.ImportanceWeightedELBO(draws=3),
    ],
)
def test_several_draws_train(objective, x):
    model = make_hierarchy((2, 3), (6,))
    model.compile(keras.optimizers.Adam(1e-2), loss=objective, run_eagerly=True)
    logs = model.train_on_batch(x, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())


def test_the_elbo_of_several_draws_is_their_mean(model, x):
    inputs = {"x": tf.constant(x[:4])}
    latents = model.infer(inputs, [3, 1], draws=2)
    objective = kvae.losses.NegativeELBO(draws=2)
    terms = {
        term.name: term.values
        for term in objective.terms(model, inputs, latents, kvae.contract.Batch(inputs))
    }
    for name, latent in latents.items():
        ratios = kvae.contract.closed_form.kl_divergence(latent.posterior, latent.prior)
        expected = np.mean(np.reshape(ratios, (-1, 4)), axis=0)
        np.testing.assert_allclose(terms[f"{name}_kl"], expected, rtol=1e-5)
    nlls = [
        objective.nll(model.generate({n: latent.value[k] for n, latent in latents.items()}), inputs)
        for k in range(2)
    ]
    np.testing.assert_allclose(terms["nll"], np.mean(nlls, axis=0), rtol=1e-5)


def test_the_bound_with_one_draw_is_the_elbo_at_it(model, x):
    inputs = {"x": tf.constant(x[:4])}
    latents = model.infer(inputs, [3, 1], draws=1)
    objective = kvae.losses.ImportanceWeightedELBO(draws=1)
    (bound, *_) = objective.terms(model, inputs, latents, kvae.contract.Batch(inputs))
    expected = sum(latent.log_ratio()[0] for latent in latents.values())
    values = {name: latent.value[0] for name, latent in latents.items()}
    expected += objective.nll(model.generate(values), inputs)
    np.testing.assert_allclose(bound.values, expected, rtol=1e-5)


def test_penalties_of_a_lower_layer_take_the_first_of_several_draws(x):
    def regularizer(prior):
        extra = kvae.regularizers.TotalCorrelation(64, 2.0)
        return KL(prior) + extra

    model = make_hierarchy((2, 3), (6,), regularizer=regularizer)
    model.compile("sgd", loss=kvae.losses.NegativeELBO(draws=2), run_eagerly=True)
    logs = model.train_on_batch(x, return_dict=True)
    assert np.isfinite(logs["z2_total_correlation"])


@pytest.mark.parametrize("draws", [None, 2])
def test_penalties_of_a_whole_batch_see_an_image_as_its_elements(draws):
    def regularizer(prior):
        dip = kvae.regularizers.DisentangledInferredPrior()
        return KL(prior) + kvae.regularizers.TotalCorrelation(64) + dip

    model = make_hierarchy((2, (2, 2, 1)), (4, 4, 1), regularizer=regularizer)
    loss = kvae.losses.NegativeELBO(draws=draws)
    model.compile("sgd", loss=loss, jit_compile=False, run_eagerly=True)
    logs = model.train_on_batch(np.ones((8, 4, 4, 1), "float32"), return_dict=True)
    assert np.isfinite([logs["z2_total_correlation"], logs["z2_dip"], logs["loss"]]).all()


@pytest.mark.thorough
def test_an_interrupted_training_ends_with_the_same_weights(x, tmp_path):
    start, ended = None, []
    for name, runs in (("whole", [2]), ("interrupted", [1, 2])):
        for epochs in runs:
            keras.utils.set_random_seed(0)
            model = make_hierarchy((2, 3), (6,), regularizer=warmed_up)
            start = model.get_weights() if start is None else start
            model.set_weights(start)
            model.compile("adam", jit_compile=False)
            checkpoint = kvae.callbacks.Checkpoint(tmp_path / name, every="epoch")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Training ended after")
                model.fit(x, batch_size=32, epochs=epochs, verbose=0, callbacks=[checkpoint])
        ended.append(model.get_weights())
    for found, expected in zip(*ended, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_sample_weights_weigh_examples_of_a_pipeline(x):
    model = make_hierarchy((2, 3), (6,), regularizer=kvae.regularizers.FreeBits)
    for layer in model.posteriors:
        layer.convert_to_tensor_fn = "mean"  # no draws, which differ with the batch
    model.compile("sgd", run_eagerly=True)
    weight = np.repeat([1.0, 0.0], 32).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, x, weight)).batch(64)
    found = model.evaluate(data, verbose=0, return_dict=True)
    expected = model.evaluate(x[:32], batch_size=32, verbose=0, return_dict=True)
    assert 2.0 * found["nll"] == pytest.approx(expected["nll"], rel=1e-5)
    assert 2.0 * found["kl"] == pytest.approx(expected["kl"], rel=1e-5)


# -- draws -------------------------------------------------------------------------------------


def test_layers_draw_different_noise(x):
    model = make_hierarchy((2, 2, 2), (6,), started=False)
    latents = model.infer({"x": tf.constant(x)}, [0, 1])
    noise = [
        (latent.value - latent.posterior.mean()) / latent.posterior.stddev()
        for latent in latents.values()
    ]
    for first in range(3):
        for second in range(first):
            assert abs(np.corrcoef(np.ravel(noise[first]), np.ravel(noise[second]))[0, 1]) < 0.4


def test_a_sample_depends_on_its_row_and_the_seed(model):
    many = model.sample(7, seed=1)
    assert_same_in_float32(model.sample(3, seed=1, batch_size=2), many[:3])
    assert not np.allclose(model.sample(3, seed=2), many[:3])


def test_eager_graph_and_xla_draw_the_same(model, x):
    def values(x):
        return {n: latent.value for n, latent in model.infer({"x": x}, [4, 2]).items()}

    expected = values(tf.constant(x))
    for jit_compile in (False, True):
        found = tf.function(values, jit_compile=jit_compile, autograph=False)(tf.constant(x))
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-4)


def test_draws_from_the_prior_have_its_moments():
    model, _ = linear_hierarchy()
    draws = model.run("sample", kvae.threefry.seed_rows(tf.range(20_000), 0).numpy())
    joined = np.concatenate([draws["z1"], draws["z2"]], axis=1)
    both = np.concatenate([[[1.0]], A])
    expected = both @ both.T + np.diag([0.0, BELOW**2, BELOW**2])
    np.testing.assert_allclose(np.cov(joined.T), expected, atol=0.05)


# -- arrays and signatures ---------------------------------------------------------------------


def test_decode_at_the_posterior_means_is_reconstruct(model, x):
    means = {name: mean for name, (mean, _) in model.encode(x).items()}
    assert_same_in_float32(model.decode(means), model.reconstruct(x))
    assert_same_in_float32(model.reconstruct(x, levels=3), model.reconstruct(x))
    first = model.reconstruct(x, levels=1)
    assert_same_in_float32(model.decode({"z1": means["z1"]}), first)
    assert not np.allclose(first, model.reconstruct(x))


def test_the_upper_levels_of_a_reconstruction_are_points():
    """Of a sphere the point is the direction; the mean is inside."""
    dense, data = keras.layers.Dense, keras.Input((5,))

    def network(*sizes, emits):
        inputs = [keras.Input((size,)) for size in sizes]
        read = keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], dense(emits)(read))

    sphere = kvae.layers.PowerSpherical(3, activity_regularizer=KL(kvae.priors.UniformSphere(3)))
    hierarchy = kvae.HierarchicalVAE(
        keras.Model(data, [dense(sphere.params_size)(data), dense(4)(data)]),
        [sphere, normal(2, activity_regularizer=KL(given(2)))],
        [network(3, emits=6), network(6, 2, emits=6)],
        [network(6, emits=4)],
        [network(6, 4, emits=4)],
        network(6, emits=5),
        kvae.layers.IndependentBernoulli(5),
    )
    rows = np.random.default_rng(0).uniform(size=(4, 5)).astype("float32")
    point = hierarchy.infer({"x": tf.constant(rows)}, None)["z1"].value
    np.testing.assert_allclose(np.linalg.norm(point, axis=1), 1.0, rtol=1e-5)
    found = hierarchy.reconstruct(rows, levels=1)
    assert_same_in_float32(found, hierarchy.decode({"z1": point}))


def test_a_call_is_the_likelihood_at_the_points(model, x):
    probabilities = tf.sigmoid(model(tf.constant(x)))
    assert_same_in_float32(probabilities, model.reconstruct(x))


def test_each_signature_computes_what_the_method_of_its_name_does(model, x):
    from kvae.export.signatures import trace

    functions = {each.name: trace(each, None) for each in model.signatures()}
    assert set(functions) == {"decode", "encode", "reconstruct", "score", "sample"}
    found = functions["encode"](x=tf.constant(x))
    means = {}
    for name, (mean, stddev) in model.encode(x).items():
        assert_same_in_float32(found[f"{name}_mean"], mean)
        assert_same_in_float32(found[f"{name}_stddev"], stddev)
        means[name] = tf.constant(mean)
    pictures = model.reconstruct(x)
    assert_same_in_float32(functions["decode"](**means)["mean"], pictures)
    assert_same_in_float32(functions["reconstruct"](x=tf.constant(x))["mean"], pictures)
    np.testing.assert_allclose(
        functions["score"](x=tf.constant(x))["score"], model.score(x), rtol=1e-5
    )
    seeds = kvae.threefry.seed_rows(tf.range(5), 3)
    assert_same_in_float32(functions["sample"](seed=seeds)["mean"], model.sample(5, seed=3))


def test_a_float32_copy_of_a_mixed_model_computes_in_float32(x):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_hierarchy((2, 3), (6,))
    finally:
        keras.config.set_dtype_policy("float32")
    copy = model.float32_copy()
    assert {layer.compute_dtype for layer in copy.encoder.layers} == {"float32"}
    assert {layer.compute_dtype for layer in copy.prior_networks[0].layers} == {"float32"}
    np.testing.assert_allclose(copy.score(x), model.score(x), rtol=0.05)


def test_the_top_layer_may_have_a_flow_as_its_prior(x):
    model = make_hierarchy((2, 3), (6,), top=kvae.priors.Flow(2, 2, (4,)))
    assert model.elbo(x, seed=0).shape == (64,)
    assert model.sample(2, seed=0).shape == (2, 6)


def test_analyses_of_one_vector_refuse_it_in_one_sentence(model, x):
    with pytest.raises(ValueError, match=r"one latent vector.*z1 \(2,\), z2 \(3,\), z3 \(2,\)"):
        kvae.diagnose(model, x)


# -- what is refused ---------------------------------------------------------------------------


def top(**kwargs):
    return normal(2, activity_regularizer=kl(2), **kwargs)


def point():
    prior = kvae.regularizers.NegativeLogPrior(kvae.priors.StandardNormal(2))
    return kvae.layers.Deterministic(2, activity_regularizer=prior)


def lower(prior=None, layer=normal, size=3):
    return layer(size, activity_regularizer=KL(prior or given(size)))


def build(posteriors=None, **kwargs):
    networks = kvae.networks.ladder_mlp(6, [2, 3], 6, width=4)
    likelihood = kvae.layers.IndependentBernoulli(6)
    posteriors = [top(), lower()] if posteriors is None else posteriors
    return kvae.HierarchicalVAE(
        **{**networks, "posteriors": posteriors, "likelihood": likelihood, **kwargs}
    )


def wide(size):
    return kvae.networks.ladder_mlp(6, [2, size], 6, width=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda: {"posteriors": [top()]}, "at least two distribution layers"),
        (lambda: {"posteriors": top()}, "at least two distribution layers"),
        (lambda: {"posteriors": [point(), lower()]}, "posteriors[0] to be a distribution with a"),
        (lambda: {"posteriors": [top(), normal(3)]}, "posteriors[1] to have a KL regularizer"),
        (lambda: {"posteriors": [top(), "normal"]}, "posteriors[1] to be a kvae distribution"),
        (
            lambda: {"posteriors": [top(), lower(kvae.priors.StandardNormal(3))]},
            "posteriors[1], to be kvae.priors.GivenNormal",
        ),
        (lambda: {"posteriors": [lower(size=2), lower()]}, "posteriors[0], to depend on nothing"),
        (
            lambda: {"posteriors": [top(), lower(given(4))]},
            "prior of posteriors[1] to have its shape",
        ),
        (
            lambda: {"posteriors": [top(), lower(layer=kvae.layers.MultivariateNormalTriL)]},
            "posteriors[1], to be a MultivariateNormalDiag",
        ),
        (lambda: {"state_networks": []}, "state_networks to hold 2 networks"),
        (lambda: {"prior_networks": []}, "prior_networks to hold 1 networks"),
        (
            lambda: {"prior_networks": wide(5)["prior_networks"]},
            "parameters of z2, output shape (None, 6)",
        ),
        (lambda: {"state_networks": wide(5)["state_networks"]}, "state_networks[1] to take inputs"),
        (
            lambda: {"encoder": kvae.networks.mlp_encoder(6, 4)},
            "encoder to emit a list of 2 tensors",
        ),
        (lambda: {"decoder": kvae.networks.mlp_decoder(3, 6)}, "decoder to take inputs"),
        (lambda: {"likelihood": keras.layers.Dense(2)}, "likelihood to be a kvae distribution"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(**arguments())


def test_a_network_that_penalizes_its_activities_stands_at_one_place():
    """Keras keeps the losses of its last call alone."""
    networks = kvae.networks.ladder_mlp(6, [2, 3, 3], 6, width=4)
    one = networks["posterior_networks"][1]
    one.layers[-1].activity_regularizer = keras.regularizers.L2(0.1)
    networks["posterior_networks"] = [one, one]
    with pytest.raises(ValueError, match=r"activity_regularizer at one place .* at 2 places"):
        build([top(), lower(), lower()], **networks)


def test_latents_that_are_no_first_layers_are_refused(model):
    z = np.zeros((1, 3), "float32")
    for latents in ({"z2": z}, {}, z):
        with pytest.raises(ValueError, match="latents to hold arrays by layer, z1, z2, z3"):
            model.decode(latents)


def test_latents_of_different_lengths_are_refused(model, x):
    latents = {name: mean[:4] for name, (mean, _) in model.encode(x).items()}
    message = "as many examples of each layer. Received: 4 of z1, 1 of z2, 4 of z3"
    with pytest.raises(ValueError, match=message):
        model.decode({**latents, "z2": latents["z2"][:1]})


def test_the_doubly_reparameterized_gradient_is_refused(model):
    with pytest.raises(ValueError, match="one latent group for the doubly"):
        model.compile(loss=kvae.losses.ImportanceWeightedELBO(3, "doubly_reparameterized"))


def test_a_given_normal_without_its_parameters_is_refused():
    with pytest.raises(ValueError, match=r"parameters, of shape \(batch, 6\)"):
        given(3).distribution()
    with pytest.raises(ValueError, match=r"Received: a tensor of shape \(1, 3\)"):
        given(3).distribution(tf.zeros((1, 3)))
