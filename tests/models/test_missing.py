"""Models with `missing=True`: NaN in data of every source, and what is computed of the rest."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.contract import Batch
from kvae.losses import ImportanceWeightedELBO
from tests.small import kl

EVENT = 5


def make_missing(likelihood, latent_dim=2, posterior=None, channels=None, **kwargs):
    """Return a small VAE with missing=True for flat data; `channels` of its encoder's input."""
    size = likelihood.event_shape[-1]
    if posterior is None:
        posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl())
    return kvae.VAE(
        kvae.networks.mlp_encoder(channels or 2 * size, posterior.params_size, (8,)),
        posterior,
        kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, (8,)),
        likelihood,
        missing=True,
        **kwargs,
    )


def with_gaps(x, rng, share=0.3):
    """Return `x` with NaN in a share of its elements, in all of row 0 and in none of row 1."""
    missing = rng.uniform(size=x.shape) < share
    missing[0], missing[1] = True, False
    return np.where(missing, np.nan, x).astype("float32")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(96, EVENT)).astype("float32")
    return x, with_gaps(x, rng)


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    model = make_missing(kvae.layers.IndependentBernoulli(EVENT))
    model.compile("adam", metrics=["mse"])
    return model


def test_the_encoder_sees_zeros_and_the_mask(vae, data):
    _, gaps = data
    known = np.isfinite(gaps)
    seen = np.concatenate([np.where(known, gaps, 0.0), known], axis=1).astype("float32")
    expected = vae.posterior_layer.distribution(vae.encoder(seen))
    mean, stddev = vae.encode(gaps)
    np.testing.assert_allclose(mean, expected.mean(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stddev, expected.stddev(), rtol=1e-5)


def test_score_is_that_of_the_observed_elements_and_the_kl_alone_of_none(vae, data):
    x, gaps = data
    mean, stddev = vae.encode(gaps)
    p = vae.decode(mean)
    bernoulli = x * np.log(p) + (1.0 - x) * np.log1p(-p)
    divergence = 0.5 * (mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev)).sum(axis=1)
    expected = divergence - np.where(np.isnan(gaps), 0.0, bernoulli).sum(axis=1)
    found = vae.score(gaps, terms=True)
    np.testing.assert_allclose(found["score"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["nats_per_element"] * EVENT, expected, rtol=1e-4)
    assert found["nll"][0] == 0.0


def test_all_methods_take_missing_values(vae, data):
    _, gaps = data
    for values in (vae.elbo(gaps, seed=1), vae.reconstruct(gaps), vae.predict(gaps, verbose=0)):
        assert np.all(np.isfinite(values))
    logs = vae.evaluate(gaps, verbose=0, return_dict=True, seed=0)
    assert all(np.isfinite(value) for value in logs.values())
    assert logs["mse"] > 0.0
    assert np.isfinite(vae.test_on_batch(gaps, return_dict=True)["loss"])
    assert np.all(np.isfinite(vae(tf.constant(gaps))))
    bound = kvae.evaluation.log_likelihood(vae, gaps, samples=20).per_example
    assert np.all(np.isfinite(bound))


def test_nan_and_the_mask_observed_mean_the_same_and_add_up(vae, data):
    x, gaps = data
    observed = np.isfinite(gaps)
    half = observed | (np.arange(EVENT) % 2 == 0)  # some of them by NaN, the others by the mask
    together = {"x": np.where(half, x, np.nan).astype("float32"), "observed": observed | ~half}
    for inputs in ({"x": x, "observed": observed}, {"x": gaps, "observed": observed}, together):
        for method in (vae.encode, vae.score, vae.reconstruct):
            found, expected = method(inputs), method(gaps)
            tf.nest.map_structure(np.testing.assert_array_equal, found, expected)
    imputed = vae.impute({"x": x, "observed": observed}, seed=0)
    np.testing.assert_array_equal(imputed, vae.impute(gaps, seed=0))


def sources(gaps, folder):
    batches = [gaps[start : start + 32] for start in (0, 32, 64)]
    np.save(folder / "gaps.npy", gaps)

    class Loader:
        def __iter__(self):
            return iter(batches)

        def __len__(self):
            return len(batches)

    return {
        "arrays": gaps,
        "float64": gaps.astype("float64"),
        "memmap": np.load(folder / "gaps.npy", mmap_mode="r"),
        "dataset": tf.data.Dataset.from_tensor_slices(gaps).batch(32),
        "iterable": Loader(),
        "observed": {"x": np.nan_to_num(gaps, nan=0.7), "observed": np.isfinite(gaps)},
    }


def test_every_kind_of_data_trains_the_same(data, tmp_path):
    _, gaps = data
    ended = {}
    for kind, source in sources(gaps, tmp_path).items():
        keras.utils.set_random_seed(2)
        model = make_missing(kvae.layers.IndependentBernoulli(EVENT))
        model.compile("adam", jit_compile=False)
        model.fit(source, epochs=1, shuffle=False, verbose=0, validation_data=gaps[:40])
        ended[kind] = model.get_weights()
    for kind, weights in ended.items():
        for found, expected in zip(weights, ended["arrays"], strict=True):
            assert np.all(np.isfinite(found)), kind
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=kind)


def test_a_generator_and_sample_weights_are_taken(vae, data):
    _, gaps = data
    logs = vae.fit((gaps[:32] for _ in range(2)), steps_per_epoch=2, verbose=0).history
    weighted = vae.fit(gaps, sample_weight=np.ones(len(gaps)), verbose=0).history
    assert np.isfinite([*logs["loss"], *weighted["loss"]]).all()


def test_x_may_hide_more_from_the_encoder_than_y_from_the_likelihood(vae, data):
    x, gaps = data
    logs = vae.fit(gaps, x, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    nothing, one = np.full_like(x, np.nan), Batch()
    inputs = {"x": tf.constant(gaps), "target": tf.constant(nothing)}
    terms = {term.name: term for term in vae.loss_terms(inputs, [0, 1], one)}
    np.testing.assert_array_equal(terms["nll"].values, np.zeros(len(x)))


def log_normal(size):
    transform = kvae.transforms.Chain([kvae.transforms.Log(), kvae.transforms.Rescaling(0.5)])
    return kvae.layers.Transformed(kvae.layers.IndependentNormal(size), transform)


@keras.saving.register_keras_serializable(package="test_missing")
def gammas(params):
    concentration, rate = tf.split(tf.math.softplus(params), 2, axis=-1)
    return tfd.Independent(tfd.Gamma(concentration, rate), 1)


def row():
    return kvae.layers.Columns(
        [
            kvae.layers.Transformed(
                kvae.layers.IndependentNormal(()), kvae.transforms.Standardization(), name="a"
            ),
            kvae.layers.IndependentCategorical((), 2, name="b"),
            kvae.layers.IndependentNegativeBinomial((), name="c"),
            kvae.layers.IndependentBeta((), name="d"),
            log_normal(()),
        ]
    )


LIKELIHOODS = [
    row,
    lambda: log_normal(EVENT),
    lambda: kvae.layers.IndependentNormal(EVENT),
    lambda: kvae.layers.NormalLikelihood(EVENT, scale="optimal"),
    lambda: kvae.layers.IndependentBeta(EVENT),
    lambda: kvae.layers.IndependentStudentT(EVENT),
    lambda: kvae.layers.DiscretizedLogistic(EVENT),
    lambda: kvae.layers.IndependentCategorical(EVENT, 2),
    lambda: kvae.layers.DistributionLambda(gammas, params_shape=2 * EVENT),
]


@pytest.mark.parametrize("make", LIKELIHOODS)
@pytest.mark.parametrize("objective", [None, ImportanceWeightedELBO(3)])
def test_no_nan_enters_a_gradient(make, objective, data):
    _, gaps = data
    model = make_missing(make())
    whole = [1] if isinstance(model.likelihood_layer, kvae.layers.Columns) else range(EVENT)
    gaps = gaps.copy()
    if model.likelihood_layer.domain.integer or len(whole) == 1:
        gaps[:, whole] = np.round(gaps[:, whole])
        gaps[:, 2 % EVENT] = np.round(gaps[:, 2])
    if model.transforms() and model.transforms()[0][1].learns:
        model.adapt(gaps)
    model.compile("adam", loss=objective)
    inputs = model.named_inputs().unpack(gaps)[0]
    with tf.GradientTape() as tape:
        terms = model.loss_terms(inputs, [0, 1], Batch(training=True))
        loss = tf.add_n([term.weight * tf.reduce_mean(term.values) for term in terms])
    gradients = tape.gradient(loss, model.trainable_variables)
    assert np.isfinite(loss)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    assert any(np.any(gradient != 0.0) for gradient in gradients)
    imputed = model.impute(gaps, draws=5, seed=0)
    assert np.all(np.isfinite(imputed))
    drawn = model.impute(gaps, draws=5, seed=0, kind="draw")
    model.likelihood_layer.domain.check(drawn, "a draw")
    assert np.all(np.isfinite(drawn))


def test_adapt_takes_the_moments_of_what_is_observed(rng):
    x = rng.normal([100.0, -3.0], [9.0, 0.1], (200, 2))
    gaps = with_gaps(x, rng)
    standardization = kvae.transforms.Standardization()
    layer = kvae.layers.Transformed(kvae.layers.IndependentNormal(2), standardization)
    model = make_missing(layer)
    model.adapt(gaps)
    np.testing.assert_allclose(standardization.mean, np.nanmean(gaps, axis=0), rtol=1e-5)
    np.testing.assert_allclose(standardization.stddev, np.nanstd(gaps, axis=0), rtol=1e-4)


def doubled_and_standardized():
    chain = [kvae.transforms.Rescaling(2.0), kvae.transforms.Standardization()]
    return kvae.transforms.Chain(chain)


@pytest.mark.parametrize("form", ["a column without a value", "a stream whose second batch is bad"])
@pytest.mark.parametrize(
    "transform",
    [kvae.transforms.Standardization, kvae.transforms.Arcsinh, doubled_and_standardized],
)
def test_an_adapt_that_is_refused_leaves_the_model_as_it_was(transform, form, rng):
    x = rng.normal([100.0, -3.0], [9.0, 0.1], (200, 2))
    model = make_missing(kvae.layers.Transformed(kvae.layers.IndependentNormal(2), transform()))
    model.adapt(x)
    before = model.score(x[:5])
    refused = x[:64] + 7.0
    if form == "a column without a value":
        refused[:, 1] = np.nan
        with pytest.raises(ValueError, match=r"Expected x with .* Received: none in column 1$"):
            model.adapt(refused)
    else:
        worse = np.full((64, 2), np.inf)
        with pytest.raises(ValueError, match=r"Received: .*infinite"):
            model.adapt(iter([refused, worse]))
    np.testing.assert_array_equal(model.score(x[:5]), before)


def test_a_column_without_a_value_is_named_by_its_place_in_the_row(rng):
    columns = [
        kvae.layers.IndependentCategorical((), 2, name="class"),
        kvae.layers.Transformed(
            kvae.layers.IndependentNormal(()), kvae.transforms.Standardization(), name="number"
        ),
    ]
    model = make_missing(kvae.layers.Columns(columns))
    gaps = np.stack([rng.integers(0, 2, 20), np.full(20, np.nan)], axis=1)
    with pytest.raises(ValueError, match=r"Expected x with .* Received: none in column 1$"):
        model.adapt(gaps)


def test_features_read_a_valid_value_in_place_of_nan(rng):
    x = rng.integers(0, 9, size=(40, 3)).astype("float32")
    gaps = with_gaps(x, rng)
    inputs = keras.Input((3,))
    features = keras.Model(inputs, keras.ops.concatenate([keras.ops.log1p(inputs), inputs], -1))
    likelihood = kvae.layers.IndependentNegativeBinomial(3)
    model = make_missing(likelihood, features=features, channels=9)  # 6 features, 3 of the mask
    model.compile("adam")
    assert np.isfinite(model.fit(gaps, verbose=0).history["loss"][0])
    known = np.isfinite(gaps)
    filled = np.where(known, gaps, 0.0)
    seen = np.concatenate([np.log1p(filled), filled, known], axis=1).astype("float32")
    expected = model.posterior_layer.distribution(model.encoder(seen)).mean()
    np.testing.assert_allclose(model.encode(gaps)[0], expected, rtol=1e-5, atol=1e-6)


def test_pictures_have_the_mask_as_further_channels(digits):
    x = digits[1][:20].copy()
    x[:, 2:5, 2:5] = np.nan
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    model = kvae.VAE(
        kvae.networks.conv_encoder((8, 8, 2), posterior.params_size, filters=(4,), dense=8),
        posterior,
        kvae.networks.conv_decoder(2, (8, 8, 1), filters=(4,), dense=8),
        kvae.layers.IndependentBernoulli((8, 8, 1)),
        missing=True,
    )
    imputed = model.impute(x, draws=4, seed=0)
    known = np.isfinite(x)
    np.testing.assert_array_equal(imputed[known], x[known])
    assert np.all((imputed >= 0.0) & (imputed <= 1.0))


def test_it_is_saved_and_loaded_and_others_are_configured_as_before(vae, data, tmp_path):
    _, gaps = data
    vae.optimizer.build(vae.trainable_variables)  # Keras warns where it loads an unbuilt one
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_allclose(again.score(gaps), vae.score(gaps), rtol=1e-6)
    assert vae.get_config()["missing"] is True
    layer = kvae.layers.IndependentBernoulli(EVENT)
    assert "missing" not in make_complete(layer).get_config()


def make_complete(likelihood):
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    size = likelihood.event_shape[-1]
    return kvae.VAE(
        kvae.networks.mlp_encoder(size, posterior.params_size, (8,)),
        posterior,
        kvae.networks.mlp_decoder(2, likelihood.params_shape, (8,)),
        likelihood,
    )


def test_what_cannot_be_is_refused(vae, data):
    _, gaps = data
    complete = make_complete(kvae.layers.IndependentBernoulli(EVENT))
    for refused in (complete.score, complete.fit, complete.encode):
        with pytest.raises(ValueError, match=r"x to hold numbers in .*NaN or infinite"):
            refused(gaps)
    with pytest.raises(ValueError, match="Expected a model with missing=True"):
        complete.impute(gaps)
    infinite = np.where(np.isnan(gaps), np.inf, gaps)
    for refused in (vae.score, vae.fit, vae.impute, vae.encode):
        with pytest.raises(ValueError, match=r"not observed. Received: values that are inf"):
            refused(infinite)
    with pytest.raises(
        ValueError, match=r"encoder to take \(None, 10\) .* Received: .*\(None, 5\)"
    ):
        make_missing(kvae.layers.IndependentBernoulli(EVENT), channels=EVENT)
    with pytest.raises(ValueError, match="independent elements with missing=True"):
        make_missing(kvae.layers.MultivariateNormalTriL(EVENT))
    with pytest.raises(ValueError, match="independent elements with missing=True"):
        make_missing(kvae.layers.OneHotCategorical(EVENT))
    for arguments in ({"draws": 0}, {"kind": "mode"}, {"draws": 2.5}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))}"):
            vae.impute(gaps, **arguments)
    with pytest.raises(ValueError, match="draws, so that those of one example fit into the memory"):
        vae.impute(gaps, draws=10**9)


def test_a_vamp_prior_does_not_start_at_missing_values(data):
    prior = kvae.priors.VampPrior(2, EVENT, num_components=4)
    with pytest.raises(ValueError, match=r"NaN or infinite. Give examples without missing"):
        prior.adapt(data[1])
