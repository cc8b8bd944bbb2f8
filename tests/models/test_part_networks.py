"""Networks without weights so far, such as a `keras.Sequential` of layers alone."""

import keras
import numpy as np
import pytest

import kvae
from tests.small import kl, make_hierarchy

FAMILIES = ("VAE", "FactorVAE", "HierarchicalVAE", "QuantizedVAE")


class Ladder(keras.Model):
    """The encoder of a hierarchy whose state has two elements and whose features have eight."""

    def __init__(self):
        super().__init__()
        self.features, self.top = sequential(8), sequential(4)

    def call(self, x):
        features = self.features(x)
        return [self.top(features), features]


def sequential(*units):
    *hidden, last = units
    layers = [keras.layers.Dense(size, activation="tanh") for size in hidden]
    return keras.Sequential([*layers, keras.layers.Dense(last)])


@keras.saving.register_keras_serializable("tests")
class Net(keras.Model):
    """A subclassed network, which does not say what it takes, nor what it emits."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(8, activation="tanh")
        self.last = keras.layers.Dense(units)

    def call(self, x):
        return self.last(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def model_of(family):
    likelihood = kvae.layers.IndependentBernoulli((6,))
    if family == "QuantizedVAE":
        grid = keras.Sequential([keras.layers.Dense(8), keras.layers.Reshape((2, 4))])
        flat = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])
        return kvae.QuantizedVAE(grid, kvae.layers.VectorQuantizer(5, 4), flat, likelihood)
    if family == "HierarchicalVAE":
        parts = make_hierarchy((2, 3), (6,), likelihood=likelihood).parts()
        return kvae.HierarchicalVAE(**{**parts, "encoder": Ladder()})
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    networks = sequential(8, posterior.params_size), sequential(8, 6)
    return getattr(kvae, family)(networks[0], posterior, networks[1], likelihood)


@pytest.fixture(scope="module")
def x():
    return (np.random.default_rng(0).uniform(size=(64, 6)) > 0.5).astype("float32")


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_built_for_events_of_the_likelihood(family, x):
    model = model_of(family)
    assert model.built
    assert model.score(x).shape == (64,)


@pytest.mark.parametrize("eager", [False, True])
def test_they_are_trained(x, eager):
    model = model_of("VAE")
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=eager)
    model.fit(x, epochs=1, batch_size=16, verbose=0)
    assert len(before) == 8
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, new.numpy())


def subclassed(units=6):
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    likelihood = kvae.layers.IndependentBernoulli((6,))
    return kvae.VAE(Net(posterior.params_size), posterior, Net(units), likelihood)


def test_subclassed_networks_are_trained_saved_and_exported(x, tmp_path):
    model = subclassed()
    model.compile("adam")
    model.fit(x, verbose=0)
    model.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.score(x), model.score(x))
    kvae.export.tflite(model, tmp_path / "vae.tflite", signatures=["decode", "score"])


def test_what_a_subclassed_network_emits_is_checked():
    with pytest.raises(ValueError, match=r"Expected decoder to emit .*likelihood"):
        subclassed(units=5)


@keras.saving.register_keras_serializable("tests")
class Rows(keras.layers.Layer):
    """A layer that changes the number of rows."""

    def __init__(self, change, **kwargs):
        super().__init__(**kwargs)
        self.change = change

    def call(self, x):
        return self.change(x)


CHANGES = {
    "merged": lambda x: keras.ops.reshape(x, (-1, x.shape[-1] // 2)),
    "the first": lambda x: x[:1],  # would be broadcast to all examples
    "every other": lambda x: x[::2],
}


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("network", ["encoder", "decoder", "features"])
def test_a_network_that_changes_the_number_of_rows_is_refused(network, change, built):
    parts = subclassed().parts()
    size = {"encoder": 4, "decoder": 6, "features": 6}[network]
    taken = {"encoder": 6, "decoder": 2, "features": 6}[network]
    layers = [Rows(CHANGES[change]), keras.layers.Dense(size)]
    parts[network] = keras.Sequential([keras.Input((taken,))] * built + layers)
    with pytest.raises(ValueError, match=f"Expected {network} to emit one row for each example"):
        kvae.VAE(**parts)


def test_a_row_may_have_an_axis_of_any_length(x):
    encoder = keras.Sequential([keras.layers.Reshape((3, 2)), keras.layers.GRU(4)])
    model = kvae.VAE(**{**subclassed().parts(), "encoder": encoder})
    assert model.encode(x[:5])[0].shape == (5, 2)


def decoder_that_ends_in(*last):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(12), *last])


def a_vae(decoder, likelihood):
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    return kvae.VAE(kvae.networks.mlp_encoder((6,), 4, (8,)), posterior, decoder, likelihood)


@pytest.mark.parametrize(
    ("likelihood", "last", "activation"),
    [
        ("IndependentBernoulli", (keras.layers.Dense(6, activation="sigmoid"),), "sigmoid"),
        ("ContinuousBernoulli", (keras.layers.Dense(6), keras.layers.Activation("tanh")), "tanh"),
        ("OneHotCategorical", (keras.layers.Dense(6), keras.layers.Softmax()), "softmax"),
        (
            "IndependentBernoulli",
            (keras.Sequential([keras.layers.Dense(6), keras.layers.ReLU()]),),
            "relu",
        ),
        (
            "IndependentBernoulli",
            (keras.layers.Dense(6, activation="sigmoid"), keras.layers.Reshape((6,))),
            "sigmoid",
        ),
    ],
)
def test_a_decoder_of_probabilities_in_the_place_of_logits_is_warned_of(
    likelihood, last, activation
):
    """With a sigmoid between them no pixel is below one half."""
    layer = getattr(kvae.layers, likelihood)(6)
    message = f"decoder to end without an activation: {likelihood} takes logits.*{activation}"
    with pytest.warns(UserWarning, match=message):
        a_vae(decoder_that_ends_in(*last), layer)


@pytest.mark.parametrize("family", ["HierarchicalVAE", "QuantizedVAE"])
def test_the_decoder_of_every_family_is_looked_at(family):
    arguments = model_of(family).parts()
    last = keras.layers.Activation("sigmoid")
    arguments["decoder"] = keras.Sequential([arguments["decoder"], last])
    with pytest.warns(UserWarning, match="decoder to end without an activation"):
        getattr(kvae, family)(**arguments)


def test_the_likelihood_behind_a_transform_is_looked_at():
    layer = kvae.layers.Transformed(kvae.layers.ContinuousBernoulli(6), kvae.transforms.Pixels())
    decoder = decoder_that_ends_in(keras.layers.Dense(6, activation="sigmoid"))
    with pytest.warns(UserWarning, match="Transformed takes logits"):
        a_vae(decoder, layer)


def test_other_last_layers_are_not_warned_of():
    a_vae(decoder_that_ends_in(keras.layers.Dense(6)), kvae.layers.IndependentBernoulli(6))
    means = keras.layers.Dense(6, activation="sigmoid")
    a_vae(decoder_that_ends_in(means), kvae.layers.NormalLikelihood(6))


def test_an_encoder_of_images_of_any_size_draws_and_takes_several_draws():
    layer = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood, layers = kvae.layers.IndependentBernoulli((8, 8, 1)), keras.layers
    encoder = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(layer.params_size),
        ]
    )
    decoder = kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(8,))
    vae = kvae.VAE(encoder, layer, decoder, likelihood)
    assert vae.sample(3, seed=0).shape == (3, 8, 8, 1)
    for gradient in ("standard", "doubly_reparameterized"):
        vae.compile("sgd", loss=kvae.losses.ImportanceWeightedELBO(3, gradient), run_eagerly=True)
    x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1))
    assert np.isfinite(vae.evaluate(x, verbose=0, return_dict=True)["iwae"])
