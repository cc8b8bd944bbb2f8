"""Missing values of a linear-Gaussian model, whose likelihood and conditional means are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

import kvae
from kvae.contract import Batch
from kvae.losses import ImportanceWeightedELBO
from tests.helpers import dtype_policy, raw_scale
from tests.models.test_missing import make_missing

W = np.array([[1.0, 0.5], [-0.5, 1.0], [0.8, 0.8]])  # x = W z + noise
NOISE = 0.5
COVARIANCE = W @ W.T + NOISE**2 * np.eye(3)


@pytest.fixture(scope="module")
def linear():
    return make_linear()


def make_linear():
    """A VAE with x|z ~ N(W z, 0.25 I) and q(z|x) = N(A x + B mask, I), and data with gaps of it."""
    rng = np.random.default_rng(3)
    keras.utils.set_random_seed(0)
    vae = make_missing(kvae.layers.IndependentNormal(3))
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
    vae = kvae.VAE(encoder, vae.posterior_layer, decoder, vae.likelihood_layer, missing=True)
    mean = np.linalg.solve(W.T @ W / NOISE**2 + np.eye(2), W.T / NOISE**2)
    kernel = np.zeros((6, 4))
    kernel[:3, :2], kernel[3:, :2] = mean.T, 0.1  # reads the mask, to no purpose
    raw = raw_scale(1.0)
    encoder.set_weights([kernel, np.array([0.0, 0.0, raw, raw])])
    decoder.set_weights([np.hstack([W.T, np.zeros((2, 3))]), np.repeat([0.0, raw_scale(NOISE)], 3)])
    x = rng.multivariate_normal(np.zeros(3), COVARIANCE, size=16)
    masks = np.array([[i >> bit & 1 for bit in range(3)] for i in range(8)], bool)  # all there are
    observed = np.repeat(masks, 2, axis=0)
    return vae, np.where(observed, x, np.nan).astype("float32")


def conditional(row):
    """Return mean and covariance of the missing elements given the observed ones, and log p."""
    known = np.isfinite(row)
    across = COVARIANCE[np.ix_(~known, known)]
    within = COVARIANCE[np.ix_(known, known)]
    gain = across @ np.linalg.inv(within)
    covariance = COVARIANCE[np.ix_(~known, ~known)] - gain @ across.T
    log_p = (
        multivariate_normal(np.zeros(known.sum()), within).logpdf(row[known])
        if known.any()
        else 0.0
    )
    return gain @ row[known], covariance, log_p


def test_the_bound_rises_with_the_draws_to_the_likelihood_of_what_is_observed(linear):
    vae, x = linear
    exact = np.array([conditional(row)[2] for row in x.astype("float64")])
    repeated = np.repeat(x, 60, axis=0)
    bounds = []
    for draws in (1, 4, 16, 256):
        vae.compile(loss=ImportanceWeightedELBO(draws))
        inputs = vae.named_inputs().unpack(repeated)[0]
        terms = vae.loss_terms(inputs, [0, draws], Batch(training=True))
        bounds.append(-np.mean(np.reshape(terms[0].values, (16, 60)), axis=1))
    assert np.mean(bounds[0]) == pytest.approx(vae.elbo(repeated, seed=0).mean(), abs=0.2)
    means = np.mean(bounds, axis=1)
    assert list(means) == sorted(means)
    assert means[1] > means[0] + 0.1
    # Row by row: log weights with a standard deviation of at most two nats, 60 times 256 of them.
    np.testing.assert_allclose(bounds[-1], exact, atol=0.05)
    assert np.all(bounds[-1] < exact + 0.03)


def test_impute_converges_to_the_conditional_mean(linear):
    vae, x = linear
    errors = []
    for draws in (50, 20_000):
        imputed = vae.impute(x, draws=draws, seed=1)
        rows = zip(imputed, x.astype("float64"), strict=True)
        errors.append([found[np.isnan(row)] - conditional(row)[0] for found, row in rows])
    few, many = (np.concatenate(each) for each in errors)
    # Standard deviations of about one over the root of the effective number of draws, some 5,000.
    assert np.max(np.abs(many)) < 0.07
    assert np.sqrt(np.mean(many**2)) < 0.25 * np.sqrt(np.mean(few**2))


def test_draws_have_the_conditional_distribution(linear):
    vae, x = linear
    row = x[np.isnan(x).sum(axis=1) == 2][0]
    drawn = vae.impute(np.tile(row, (4000, 1)), draws=200, seed=5, kind="draw")[:, np.isnan(row)]
    mean, covariance, _ = conditional(row.astype("float64"))
    spread = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < 5 * spread / np.sqrt(4000))
    # The covariance of 4,000 draws has a relative error of about sqrt(2 / 4000).
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.12 * covariance.max())


def test_several_seeds_are_several_imputations(linear):
    vae, x = linear
    first, same, other = (vae.impute(x, seed=seed, kind="draw") for seed in (0, 0, 1))
    without = [vae.impute(x, draws=5, kind="draw") for _ in range(2)]
    assert np.abs(np.nan_to_num(without[0] - without[1])).max() > 1e-3
    missing = np.isnan(x)
    np.testing.assert_array_equal(first, same)
    assert np.all(first[missing] != other[missing])


def test_a_model_in_float64_draws_what_one_in_float32_draws(linear):
    vae, x = linear
    with dtype_policy("float64"):
        drawn = make_linear()[0].impute(x, draws=20, seed=0, kind="draw")
    np.testing.assert_allclose(drawn, vae.impute(x, draws=20, seed=0, kind="draw"), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["mean", "draw"])
def test_observed_elements_come_back_bit_for_bit(linear, dtype, kind):
    vae, x = linear
    x = (x.astype("float64") / 3.0).astype(dtype)
    imputed = vae.impute(x, draws=5, seed=0, kind=kind)
    known = np.isfinite(x)
    assert imputed.dtype == dtype
    assert imputed[known].tobytes() == x[known].tobytes()
    assert np.all(np.isfinite(imputed))


@pytest.mark.parametrize("kind", ["mean", "draw"])
def test_a_row_does_not_depend_on_the_others(linear, kind):
    vae, x = linear
    expected = vae.impute(x, draws=20, seed=2, kind=kind)
    found = vae.impute(x[:5], draws=20, seed=2, kind=kind, batch_size=2)
    np.testing.assert_allclose(found, expected[:5], rtol=1e-5, atol=1e-6)


def test_the_class_is_that_of_the_highest_weighted_probability():
    layer = kvae.layers.IndependentCategorical(2, 3)
    rng = np.random.default_rng(0)
    params = rng.normal(size=(4, 5, 6)).astype("float32")  # K, B, packed
    weights = rng.dirichlet(np.ones(4), size=5).T.astype("float32")
    probabilities = layer.distribution(params).distribution.probs_parameter().numpy()
    expected = np.einsum("kbec,kb->bec", probabilities, weights).argmax(axis=-1)
    np.testing.assert_array_equal(layer.weighted_center(params, weights), expected)


def test_a_posterior_without_normals_draws_row_by_row(linear):
    _, x = linear
    regularizer = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.UniformSphere(3))
    posterior = kvae.layers.PowerSpherical(3, activity_regularizer=regularizer)
    vae = make_missing(kvae.layers.IndependentNormal(3), 3, posterior)
    expected = vae.impute(x, draws=6, seed=2)
    found = vae.impute(x[:3], draws=6, seed=2, batch_size=2)
    np.testing.assert_allclose(found, expected[:3], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_signature_is_made_of_builtin_operations(linear, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    from kvae.export.signatures import trace
    from kvae.special_functions import builtin_only

    vae, x = linear
    signatures = {signature.name: signature for signature in vae.signatures()}
    rows = np.stack([np.arange(len(x)), np.full(len(x), 7)], axis=1).astype("int32")
    for name, given in (("impute", {"x": x, "seed": rows}), ("score", {"x": x})):
        with builtin_only():
            function = trace(signatures[name], len(x))
        model = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            which = "seed" if "seed" in detail["name"] else "x"
            interpreter.set_tensor(detail["index"], given[which])
        interpreter.invoke()
        outputs = [
            interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()
        ]
        expected = vae.impute(x, seed=7) if name == "impute" else vae.score(x)
        shaped = [value for value in outputs if value.shape == expected.shape]
        assert any(np.allclose(value, expected, rtol=1e-4, atol=1e-5) for value in shaped), name
