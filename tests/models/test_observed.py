"""Missing elements: `observed` in arrays and streams, training and analysis."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.small import kl, make_vae

EVENT = 5


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(96, EVENT)).astype("float32")
    observed = rng.uniform(size=x.shape) < 0.7
    observed[0] = True
    return x, observed


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    model = make_vae(EVENT, 2)
    model.compile("adam")
    return model


def masked(x, observed, unknown=np.nan):
    return {"x": np.where(observed, x, unknown).astype("float32"), "observed": observed}


@pytest.mark.parametrize("unknown", [np.nan, np.inf, 1e9, -3.0])
def test_what_stands_in_a_missing_element_does_not_matter(vae, data, unknown):
    x, observed = data
    inputs = masked(x, observed, unknown)
    expected = masked(x, observed, 0.25)
    for method in (vae.encode, vae.reconstruct, vae.score):
        tf.nest.map_structure(np.testing.assert_array_equal, method(inputs), method(expected))
    np.testing.assert_array_equal(vae.elbo(inputs, seed=1), vae.elbo(expected, seed=1))


@pytest.mark.parametrize("missing", [False, True])
def test_a_metric_leaves_missing_elements_out(data, missing):
    x, observed = data
    layer = kvae.layers.MultivariateNormalDiag(
        2, activity_regularizer=kl(2), convert_to_tensor_fn="mean"
    )
    likelihood, mlp = kvae.layers.IndependentBernoulli(EVENT), kvae.networks
    model = kvae.VAE(
        mlp.mlp_encoder(EVENT * (1 + missing), layer.params_size, hidden=(8,)),
        layer,
        mlp.mlp_decoder(2, likelihood.params_shape, hidden=(8,)),
        likelihood,
        missing=missing,
    )
    model.compile("adam", metrics=["mse"], run_eagerly=True)
    inputs = masked(x, observed, 0.5)
    found = model.evaluate(inputs, verbose=0, return_dict=True)["mse"]
    error = np.where(observed, x - model.reconstruct(inputs), 0.0)
    assert found == pytest.approx(np.mean(error**2), rel=1e-5)


def test_score_is_that_of_the_observed_elements(vae, data):
    x, observed = data
    inputs = masked(x, observed)
    seen = np.where(observed, x, 0.0).astype("float32")  # what the encoder is shown
    mean, stddev = vae.encode(seen)
    p = vae.decode(mean)
    bernoulli = x * np.log(p) + (1.0 - x) * np.log1p(-p)
    kl = 0.5 * (mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev)).sum(axis=1)
    expected = kl - np.where(observed, bernoulli, 0.0).sum(axis=1)
    np.testing.assert_allclose(vae.score(inputs), expected, rtol=1e-4)
    everything = {"x": x, "observed": np.ones_like(observed)}
    np.testing.assert_allclose(vae.score(everything), vae.score(x), rtol=1e-6)


def sources(inputs):
    batches = tf.data.Dataset.from_tensor_slices(inputs).batch(32)
    pairs = [
        {name: part[start : start + 32] for name, part in inputs.items()} for start in (0, 32, 64)
    ]

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return len(pairs)

        def __getitem__(self, index):
            return pairs[index]

    class Loader:
        def __iter__(self):
            return iter(pairs)

        def __len__(self):
            return len(pairs)

    return {
        "arrays": inputs,
        "dataset": batches,
        "unknown shape": tf.data.Dataset.from_generator(
            lambda: iter(pairs),
            output_types={"x": tf.float32, "observed": tf.bool},
            output_shapes={"x": tf.TensorShape(None), "observed": tf.TensorShape(None)},
        ).apply(tf.data.experimental.assert_cardinality(len(pairs))),
        "py_dataset": Sequence(),
        "iterable": Loader(),
    }


@pytest.mark.parametrize("kind", ["arrays", "dataset", "unknown shape", "py_dataset", "iterable"])
def test_every_kind_of_data_may_have_missing_elements(data, kind):
    x, observed = data
    ended = []
    for inputs in (masked(x, observed), masked(x, observed, 0.5)):
        keras.utils.set_random_seed(2)
        model = make_vae(EVENT, 2)
        model.compile("adam", jit_compile=False)
        model.fit(sources(inputs)[kind], epochs=1, shuffle=False, verbose=0)
        ended.append(model.get_weights())
    for found, expected in zip(*ended, strict=True):
        assert np.all(np.isfinite(found))
        np.testing.assert_array_equal(found, expected)


def test_evaluate_predict_and_single_batches_take_the_mask(vae, data):
    x, observed = data
    inputs = masked(x, observed)
    logs = vae.evaluate(inputs, verbose=0, return_dict=True, seed=0)
    assert np.isfinite(logs["loss"])
    np.testing.assert_allclose(
        vae.predict(inputs, verbose=0), vae.reconstruct(inputs), rtol=1e-5, atol=1e-6
    )
    assert np.isfinite(vae.test_on_batch(inputs, return_dict=True)["loss"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda inputs: {**inputs, "observed": inputs["observed"][:, :3]}, "Expected observed to"),
        (
            lambda inputs: {**inputs, "observed": inputs["observed"][:9]},
            "Expected observed to have the shape of x",
        ),
        (lambda inputs: {**inputs, "observed": inputs["observed"] * 2.0}, "Expected observed to"),
        (
            lambda inputs: {**inputs, "x": np.where(inputs["observed"], 7.0, 0.0)},
            r"Expected x to hold numbers in \[0, 1\]",
        ),
        (lambda inputs: {"x": inputs["x"]}, "NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_refused(vae, data, change, message):
    inputs = change(masked(*data))
    with pytest.raises(ValueError, match=message):
        vae.fit(inputs, verbose=0)
    with pytest.raises(ValueError, match=message):
        vae.score(inputs)


def test_a_likelihood_of_dependent_elements_refuses_a_mask(data):
    x, observed = data
    model = make_vae(EVENT, 2, likelihood=kvae.layers.MultivariateNormalTriL(EVENT))
    model.compile("adam")
    with pytest.raises(ValueError, match="independent elements with observed"):
        model.fit(masked(x, observed), verbose=0)


def test_a_masked_array_says_how_to_pass_its_mask(vae, data):
    x, observed = data
    with pytest.raises(ValueError, match=r"'observed': ~x.mask"):
        vae.fit(np.ma.MaskedArray(x, ~observed), verbose=0)
