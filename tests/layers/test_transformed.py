"""A likelihood of raw data: densities, masses, medians, units, and models that hold one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from tests.small import kl, make_vae

layers, transforms = kvae.layers, kvae.transforms


def test_density_counts_the_derivative(rng):
    layer = layers.Transformed(
        layers.IndependentNormal(2), transforms.Standardization([100.0, -1.0], [10.0, 0.5])
    )
    params, x = rng.normal(size=(9, 4)), rng.normal([100.0, -1.0], [10.0, 0.5], size=(9, 2))
    loc = params[:, :2] * [10.0, 0.5] + [100.0, -1.0]
    scale = np.log1p(np.exp(params[:, 2:])) * [10.0, 0.5]
    expected = stats.norm.logpdf(x, loc, scale).sum(axis=1)
    np.testing.assert_allclose(layer.log_prob(params, x), expected, rtol=1e-6)
    np.testing.assert_allclose(layer.distribution(params).log_prob(x), expected, rtol=1e-6)
    np.testing.assert_allclose(layer.mean(params), loc, rtol=1e-6)
    np.testing.assert_allclose(layer.distribution(params).stddev(), scale, rtol=1e-6)
    named = layer.named_parameters(params)
    np.testing.assert_allclose(named["loc"], loc, rtol=1e-6)
    np.testing.assert_allclose(named["scale"], scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("mixture", "transform", "slope", "offset"),
    [
        (layers.MixtureDiscretizedLogistic(3, (2,)), transforms.Pixels(), 255.0, 0.0),
        (
            layers.MixtureNormal(3, 2),
            transforms.Standardization([9.0, -1.0], [10.0, 0.5]),
            [10.0, 0.5],
            [9.0, -1.0],
        ),
    ],
    ids=["levels", "normals"],
)
def test_components_are_named_in_the_unit_of_the_data(mixture, transform, slope, offset, rng):
    params = rng.normal(size=(5, mixture.params_size)).astype("float32")
    inner = mixture.named_parameters(params)
    named = layers.Transformed(mixture, transform).named_parameters(params)
    loc, scale = inner["component_loc"], inner["component_scale"]
    np.testing.assert_allclose(named["component_loc"], loc * slope + offset, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(named["component_scale"], scale * slope, rtol=1e-5)
    np.testing.assert_array_equal(named["mixture_logits"], inner["mixture_logits"])


def test_log_normal(rng):
    layer = layers.Transformed(layers.IndependentNormal(1), transforms.Log(shift=1e-9))
    params, x = rng.normal(size=(9, 2)), rng.lognormal(size=(9, 1))
    loc, scale = params[:, :1], np.log1p(np.exp(params[:, 1:]))
    lognormal = stats.lognorm(scale, scale=np.exp(loc))
    np.testing.assert_allclose(layer.log_prob(params, x), lognormal.logpdf(x)[:, 0], rtol=1e-5)
    np.testing.assert_allclose(layer.median(params), lognormal.median(), rtol=1e-6)
    assert layer.center_name == "median"
    np.testing.assert_array_equal(layer.center(params), layer.median(params))
    assert set(layer.named_parameters(params)) == {"transformed_loc", "transformed_scale"}
    with pytest.raises(NotImplementedError, match="ask for the median"):
        layer.distribution(params).mean()


def test_a_bounded_column_has_a_proper_density():
    layer = layers.Transformed(layers.IndependentNormal(()), transforms.Logit(2.0, 5.0, 1e-6))
    x = np.linspace(2.0 + 1e-6, 5.0 - 1e-6, 20_001)
    density = layer.distribution(tf.constant([[0.3, 0.2]], tf.float64)).prob(x)
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "layer", [layers.DiscretizedLogistic(4), layers.IndependentBernoulli(4)], ids=["levels", "soft"]
)
def test_a_mass_function_has_no_derivative(layer, rng):
    pixels = layers.Transformed(layer, transforms.Pixels())
    params = rng.normal(size=(5, layer.params_size)).astype("float32")
    x = rng.integers(256, size=(5, 4)).astype("float32")
    expected = layer.log_prob(params, x / 255.0)
    np.testing.assert_allclose(pixels.log_prob(params, x), expected, rtol=1e-5)
    np.testing.assert_allclose(pixels.mean(params), 255.0 * layer.mean(params), rtol=1e-5)


def test_draws_are_raw_and_have_the_moments_of_the_distribution():
    layer = layers.Transformed(
        layers.IndependentNormal(1), transforms.Standardization(1000.0, 20.0)
    )
    distribution = layer.distribution(tf.zeros((20_000, 2)))
    for draws in (layer.draw(distribution, [1, 2]), distribution.sample(seed=[1, 2])):
        scale = 20.0 * np.log(2.0)
        assert np.mean(draws) == pytest.approx(1000.0, abs=5 * scale / np.sqrt(20_000))
        assert np.std(draws) == pytest.approx(scale, rel=0.03)


def test_missing_elements_have_no_part_in_the_derivative(rng):
    layer = layers.Transformed(layers.IndependentNormal(3), transforms.Log())
    params = rng.normal(size=(4, 6)).astype("float32")
    x = rng.gamma(2.0, size=(4, 3)).astype("float32")
    observed = np.array([[True, False, True]] * 4)
    masked = np.where(observed, x, np.nan)
    variable = tf.Variable(params)
    with tf.GradientTape() as tape:
        log_prob = layer.log_prob(variable, masked, observed)
    kept = [0, 2]
    y = np.log(x + 1.0)[:, kept]
    scale = np.log1p(np.exp(params[:, 3:]))[:, kept]
    expected = (stats.norm.logpdf(y, params[:, kept], scale) - y).sum(axis=1)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4, atol=1e-5)
    gradient = tape.gradient(log_prob, variable)
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[:, 1], 0.0)


def test_an_optimal_scale_is_estimated_after_the_transform(rng):
    layer = layers.Transformed(
        layers.NormalLikelihood(2, scale="optimal"), transforms.Standardization(5.0, 10.0)
    )
    layer.build((None, 2))
    x = rng.normal(5.0, 10.0, size=(500, 2)).astype("float32")
    layer.training_log_prob(tf.zeros((500, 2)), x)
    assert float(layer.layer.stddev_of_data()) == pytest.approx(np.std(x - 5.0) / 10.0, rel=0.02)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Transformed(layers.IndependentPoisson(2), transforms.Log()),
        lambda: layers.Transformed(layers.IndependentCategorical(2, 3), transforms.Rescaling(2.0)),
        lambda: layers.Transformed(layers.IndependentBeta(2), transforms.Standardization()),
        lambda: layers.Transformed(layers.MixtureNormal(2, 3), transforms.Log()),
        lambda: layers.Transformed(layers.IndependentNormal(2), keras.layers.Rescaling(2.0)),
        lambda: layers.Transformed(keras.layers.Dense(2), transforms.Log()),
        lambda: layers.Transformed(
            layers.Columns([layers.IndependentNormal((), name="a")]), transforms.Log()
        ),
    ],
)
def test_what_cannot_be_transformed_is_refused(make):
    with pytest.raises(ValueError, match=r"Expected .* Received"):
        make()


# -- models --------------------------------------------------------------------------------------


def table(rng, n=200):
    return np.stack(
        [
            rng.normal(3000.0, 200.0, n),
            rng.lognormal(5.0, 1.0, n),
            rng.integers(0, 3, n),
        ],
        axis=1,
    ).astype("float32")


def table_vae():
    standardized = transforms.Standardization
    columns = [
        layers.Transformed(
            layers.IndependentNormal((), min_scale=0.05), standardized(), name="weight"
        ),
        layers.Transformed(
            layers.IndependentNormal((), min_scale=0.05),
            transforms.Chain([transforms.Log(), standardized()]),
            name="income",
        ),
        layers.IndependentCategorical((), 3, name="city"),
    ]
    return make_vae(3, 2, likelihood=layers.Columns(columns))


def test_a_table_of_raw_columns_trains_and_is_saved(rng, tmp_path):
    vae, x = table_vae(), table(rng)
    vae.compile("adam")
    with pytest.raises(ValueError, match=r"Call vae.adapt\(x_train\) before fit"):
        vae.fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"Call vae.adapt\(x_train\) before fit"):
        vae.score(x)
    vae.adapt(x)
    vae.fit(x, epochs=2, verbose=0)
    assert "center" in vae.signatures()[0].function(tf.zeros((1, 2)))
    decoded, draws = vae.decode(np.zeros((5, 2))), vae.sample(5, seed=1, kind="draw")
    for rows in (decoded, draws):
        assert rows.shape == (5, 3)
        assert np.all((rows[:, 0] > 1000.0) & (rows[:, 0] < 5000.0))
        assert np.all(rows[:, 2] == np.round(rows[:, 2]))
    vae.save(tmp_path / "table.keras")
    again = keras.models.load_model(tmp_path / "table.keras")
    np.testing.assert_array_equal(again.score(x), vae.score(x))


@pytest.mark.parametrize("bits", [8, 12])
def test_draws_of_pixels_are_pixels(bits):
    """Divided by 255 and multiplied by it, a whole number is not one in float32."""
    inner = layers.DiscretizedLogistic((16, 16, 1), levels=2**bits)
    likelihood = layers.Transformed(inner, transforms.Pixels(bits))
    vae = make_vae((16, 16, 1), 2, likelihood=likelihood)
    x = vae.sample(8, seed=0, kind="draw")
    np.testing.assert_array_equal(x, np.round(x))
    assert np.isfinite(vae.score(x)).all()
    sampled = likelihood.distribution(tf.zeros((8, *likelihood.params_shape))).sample(seed=0)
    np.testing.assert_array_equal(sampled, np.round(sampled))


def test_the_unit_of_the_data_changes_neither_codes_nor_elbo(rng):
    """Grams and kilograms: the same training, and nats that differ by log 1000 a column.

    Up to float32 rounding, which the steps of training pass on.
    """
    x = rng.normal([70.0, 1.7], [10.0, 0.1], size=(256, 2))
    found = []
    for unit in (1.0, 1000.0):
        keras.utils.set_random_seed(3)
        likelihood = layers.Transformed(layers.IndependentNormal(2), transforms.Standardization())
        vae = make_vae(2, 2, likelihood=likelihood)
        vae.adapt(x * unit)
        vae.compile("adam", jit_compile=False)
        vae.fit(x * unit, epochs=2, verbose=0, shuffle=False)
        found.append((vae.encode(x * unit)[0], vae.elbo(x * unit, seed=0)))
    (codes, elbo), (other_codes, other_elbo) = found
    np.testing.assert_allclose(other_codes, codes, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(other_elbo, elbo - 2 * np.log(1000.0), rtol=1e-3, atol=1e-3)


def test_adapt_reads_every_kind_of_data(rng):
    x = rng.normal(50.0, 5.0, size=(100, 6)).astype("float32")
    sources = {
        "array": x,
        "dict": {"x": x},
        "dataset": tf.data.Dataset.from_tensor_slices(x).batch(32),
        "generator": (x[start : start + 40] for start in range(0, 100, 40)),
    }
    for source in sources.values():
        likelihood = layers.Transformed(layers.IndependentNormal(6), transforms.Standardization())
        vae = make_vae(6, 2, likelihood=likelihood)
        vae.adapt(source)
        np.testing.assert_allclose(likelihood.transform.mean, x.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("form", ["tf.data", "generator"])
def test_adapt_to_bad_data_learns_nothing(rng, form):
    x = rng.normal(size=(24, 6)).astype("float32")
    x[20, 2] = np.nan
    vae = standardized_model()
    stream = tf.data.Dataset.from_tensor_slices(x).batch(8)
    with pytest.raises(ValueError, match=r"Expected x to hold finite numbers.*NaN or infinite"):
        vae.adapt(stream if form == "tf.data" else (batch.numpy() for batch in stream))
    with pytest.raises(ValueError, match=r"Call vae.adapt\(x_train\) before fit"):
        vae.score(x[:8])


def test_adapt_to_endless_data_is_refused(rng):
    x = rng.normal(size=(24, 6)).astype("float32")
    with pytest.raises(ValueError, match=r"Expected x that ends, such as x.take\(batches\)"):
        standardized_model().adapt(tf.data.Dataset.from_tensor_slices(x).batch(8).repeat())


def test_adapt_to_an_endless_py_dataset_is_refused():
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return (np.zeros((4, 6), "float32"),)

    with pytest.raises(ValueError, match=r"endless data, a keras\.utils\.PyDataset without"):
        standardized_model().adapt(Endless())


def test_columns_of_related_names_leave_the_moments_their_shape():
    ages = layers.Transformed(layers.MixtureNormal(5, ()), transforms.Standardization(), name="age")
    layers.Columns([ages, layers.IndependentBernoulli((), name="age_group")])
    assert ages.transform.mean.shape == ()


def standardized_model():
    layer = kvae.layers.IndependentNormal(6)
    return make_vae(6, likelihood=kvae.layers.Transformed(layer, kvae.transforms.Standardization()))


def test_adapt_of_a_model_without_a_transform_says_so():
    with pytest.raises(ValueError, match="Expected a model with a transform that learns"):
        make_vae(6, 2).adapt(np.zeros((3, 6)))


def test_pixels_of_8_bits_train_as_they_are(rng):
    likelihood = layers.Transformed(layers.DiscretizedLogistic((4, 4, 1)), transforms.Pixels())
    vae = make_vae((4, 4, 1), 2, likelihood=likelihood)
    vae.compile("adam")
    x = rng.integers(0, 256, size=(64, 4, 4, 1)).astype("uint8")
    vae.fit(x, verbose=0)
    assert 0.0 <= vae.reconstruct(x).min() <= vae.reconstruct(x).max() <= 255.0
    with pytest.raises(ValueError, match=r"whole numbers in \[0, 255\]"):
        vae.fit(x / 255.0, verbose=0)


def test_the_encoder_reads_features_of_the_raw_data(rng):
    def build():
        keras.utils.set_random_seed(1)
        posterior = layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
        likelihood = layers.IndependentNormal(3)
        return kvae.VAE(
            encoder=kvae.networks.mlp_encoder(6, posterior.params_size, (8,)),
            posterior=posterior,
            decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape, (8,)),
            likelihood=likelihood,
            features=keras.Sequential(
                [keras.Input((3,)), keras.layers.Rescaling(0.5), keras.layers.Dense(6)]
            ),
        )

    vae, x = build(), rng.normal(size=(64, 3)).astype("float32")
    hidden = vae.features(x)
    params = vae.encoder(hidden)
    np.testing.assert_allclose(vae.encode(x)[0], params[:, :2], rtol=1e-5, atol=1e-6)
    vae.compile("adam")
    before = vae.features.layers[-1].kernel.numpy()
    vae.fit(x, verbose=0)
    assert np.any(vae.features.layers[-1].kernel.numpy() != before), "features train"


def test_features_that_do_not_fit_are_refused():
    posterior = layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood = layers.IndependentNormal(3)
    parts = {
        "encoder": kvae.networks.mlp_encoder(6, posterior.params_size, (8,)),
        "posterior": posterior,
        "decoder": kvae.networks.mlp_decoder(2, likelihood.params_shape, (8,)),
        "likelihood": likelihood,
    }
    with pytest.raises(ValueError, match="Expected features to emit what the encoder takes"):
        kvae.VAE(**parts, features=keras.layers.Rescaling(0.5))
    with pytest.raises(ValueError, match="Expected features to be a Keras layer"):
        kvae.VAE(**parts, features=np.log)


@pytest.mark.parametrize(
    "method", ["predict", "train_on_batch", "test_on_batch", "predict_on_batch", "fit", "evaluate"]
)
def test_no_method_reads_raw_data_by_a_transform_that_has_seen_none(method, rng):
    vae = standardized_model()
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match=r"Call vae.adapt\(x_train\) before fit"):
        getattr(vae, method)(rng.normal(size=(8, 6)))
