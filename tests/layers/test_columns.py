import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import kvae
from tests.helpers import assert_same_in_float32, relative
from tests.layers import properties

layers = kvae.layers


def make(**kwargs):
    return layers.Columns(
        [
            layers.IndependentNormal((), name="height"),
            layers.IndependentCategorical((), 3, name="city"),
            layers.IndependentNegativeBinomial((), name="visits"),
            layers.IndependentBeta((), name="share"),
        ],
        **kwargs,
    )


def rows(rng, n):
    columns = [
        rng.normal(size=n),
        rng.integers(3, size=n),
        rng.poisson(2.0, n),
        rng.uniform(size=n),
    ]
    return np.stack(columns, axis=1)


def test_params_are_those_of_the_columns_one_after_the_other():
    layer = make()
    assert layer.event_shape == (4,)
    assert layer.params_shape == (2 + 3 + 2 + 2,)


def test_log_prob_is_the_sum_over_the_columns(rng):
    params, x = rng.normal(size=(20, 9)), rows(rng, 20)
    scale = np.log1p(np.exp(params[:, 1]))
    p = np.exp(params[:, 2:5]) / np.exp(params[:, 2:5]).sum(axis=1, keepdims=True)
    mean, dispersion = np.exp(params[:, 5]), np.exp(params[:, 6])
    a, b = np.log1p(np.exp(params[:, 7:])).T + 1e-2
    expected = (
        stats.norm.logpdf(x[:, 0], params[:, 0], scale)
        + np.log(p[np.arange(20), x[:, 1].astype(int)])
        + stats.nbinom.logpmf(x[:, 2], dispersion, dispersion / (dispersion + mean))
        + stats.beta.logpdf(x[:, 3], a, b)
    )
    assert relative(make().distribution(params).log_prob(x), expected) < 1e-9  # float64


def test_log_prob_is_the_same_to_the_bit_at_every_call(rng):
    """The sum of the columns has an order; that of `tf.add_n` hangs on what memory is free."""
    layer = layers.Columns([layers.IndependentNormal((), name=name) for name in "abcdef"])
    params = tf.constant(rng.normal(size=(24, 12)), tf.float32)

    @tf.function
    def log_prob(x):
        parts = layer._column_log_probs(params, x)
        return layer.log_prob(params, x), tf.stack(parts)  # what else reads the parts keeps them

    x = tf.constant(rng.normal(size=(24, 6)), tf.float32)
    assert len({log_prob(x)[0].numpy().tobytes() for _ in range(500)}) == 1


def test_mean_is_a_row_with_the_most_probable_class(rng):
    params = rng.normal(size=(20, 9))
    a, b = np.log1p(np.exp(params[:, 7:])).T + 1e-2
    expected = [params[:, 0], params[:, 2:5].argmax(axis=1), np.exp(params[:, 5]), a / (a + b)]
    assert relative(make().mean(params), np.stack(expected, axis=1)) < 1e-9


@pytest.mark.slow
def test_draws_are_rows_in_the_support(rng):
    params = rng.normal(size=(2, 9)).astype("float32")
    draws = make().distribution(params).sample(500, seed=[1, 2]).numpy()
    assert draws.shape == (500, 2, 4)
    assert set(np.unique(draws[..., 1])) <= {0.0, 1.0, 2.0}
    assert np.all((draws[..., 2] >= 0) & (draws[..., 2] == np.floor(draws[..., 2])))
    assert np.all((draws[..., 3] >= 0) & (draws[..., 3] <= 1))
    properties.assert_draws_alike_in_graph_and_xla(make(), params)


def test_columns_of_one_kind_draw_independently():
    layer = layers.Columns([layers.IndependentNormal(()), layers.IndependentNormal(())])
    draws = layer.distribution(np.zeros((1, 4), "float32")).sample(20_000, seed=[1, 2]).numpy()
    correlation = np.corrcoef(draws[:, 0].T)[0, 1]
    assert abs(correlation) < 5 / np.sqrt(20_000)


def test_float32_agrees_with_float64(rng):
    x = rows(rng, 20).astype("float32")
    properties.assert_float32_agrees_with_float64(make(), rng.normal(size=(20, 9)), x)


def test_finite_at_extremes(rng):
    layer = layers.Columns(
        [
            layers.IndependentLaplace(()),
            layers.IndependentCategorical((), 3),
            layers.IndependentNegativeBinomial(()),
            layers.IndependentBeta(()),
        ]
    )
    properties.assert_finite_at_extremes(layer, rows(rng, 4))


def test_only_what_all_columns_have_is_a_conversion():
    assert make().conversions == ("sample", "mean")
    normals = layers.Columns([layers.IndependentNormal(()), layers.IndependentLaplace(())])
    assert "stddev" in normals.conversions
    with pytest.raises(ValueError, match="convert_to_tensor_fn"):
        make(convert_to_tensor_fn="stddev")


@pytest.mark.slow
def test_a_table_vae_trains_saves_and_reloads(make_vae, rng, tmp_path):
    vae = make_vae(4, likelihood=make())
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    x = rows(rng, 64).astype("float32")
    history = vae.fit(x, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert [column.name for column in again.likelihood_layer.columns] == [
        "height",
        "city",
        "visits",
        "share",
    ]
    assert_same_in_float32(again.reconstruct(x), vae.reconstruct(x))


@pytest.mark.slow
@pytest.mark.parametrize("as_dataset", [False, True])
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (1, 3.0, r"column 1 \(city\), to hold whole numbers in \[0, 2\].*Number the classes"),
        (2, 0.5, r"column 2 \(visits\), to hold whole numbers in \[0, inf\]"),
        (3, -0.1, r"column 3 \(share\), to hold numbers in \[0, 1\].*Scale the data"),
    ],
)
def test_a_value_outside_its_column_is_named(column, value, said, as_dataset, make_vae, rng):
    vae = make_vae(4, likelihood=make())
    vae.compile(optimizer="adam")
    x = rows(rng, 8).astype("float32")
    x[3, column] = value
    data = tf.data.Dataset.from_tensor_slices(x).batch(4) if as_dataset else x
    with pytest.raises(ValueError, match=said):
        vae.fit(data, verbose=0)


@pytest.mark.parametrize(
    "columns", [[], [layers.IndependentNormal(2)], [keras.layers.Dense(2)], ["normal"]]
)
def test_columns_that_are_no_scalar_layers_are_refused(columns):
    with pytest.raises(ValueError, match=r"Expected columns to .* Received:"):
        layers.Columns(columns)


def test_two_columns_of_one_name_are_refused():
    columns = [layers.IndependentNormal((), name="age"), layers.IndependentBeta((), name="age")]
    with pytest.raises(ValueError, match=r"names of their own. Received: \['age', 'age'\]"):
        layers.Columns(columns)


@pytest.mark.parametrize(
    "columns",
    [
        [
            layers.IndependentBernoulli(name="gain_zero"),
            layers.ZeroInflatedNegativeBinomial(name="gain"),
        ],
        [
            layers.Transformed(layers.IndependentNormal(), kvae.transforms.Log(), name="price"),
            layers.IndependentNormal(name="price_transformed"),
        ],
    ],
    ids=["zero", "transformed"],
)
def test_columns_whose_parameters_would_have_one_name_are_refused(columns):
    with pytest.raises(ValueError, match=r"both have .*Rename one"):
        layers.Columns(columns)


def test_columns_of_related_names_have_all_their_parameters():
    row = layers.Columns(
        [
            layers.ZeroInflatedNegativeBinomial(name="gain"),
            layers.IndependentBernoulli(name="gain_one"),
            layers.IndependentNormal(name="gain_one_more"),
        ]
    )
    named = row.named_parameters(np.zeros((1, row.params_size), "float32"))
    assert len(named) == row.params_size == 6


def test_the_derivative_of_the_columns_own_transforms_is_summed():
    squeeze = kvae.transforms.Arcsinh(center=0.0, width=2.0)
    row = kvae.layers.Columns(
        [
            kvae.layers.IndependentNormal((), name="plain"),
            kvae.layers.Transformed(kvae.layers.IndependentNormal(()), squeeze, name="squeezed"),
        ]
    )
    x = np.array([[3.0, 4.0], [1.0, np.nan]], "float32")
    expected = [-0.5 * np.log(1 + 2.0**2) - np.log(2.0), 0.0]
    found = row.log_derivative(tf.constant(x), tf.constant(~np.isnan(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_transform_with_numbers_belongs_to_one_column():
    shared = kvae.transforms.Chain([kvae.transforms.Log(), kvae.transforms.Standardization()])
    columns = [
        layers.Transformed(layers.IndependentNormal(), shared, name=name) for name in ("a", "b")
    ]
    with pytest.raises(ValueError, match="Expected each column to have a transform of its own"):
        layers.Columns(columns)
