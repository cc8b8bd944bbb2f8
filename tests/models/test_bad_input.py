"""Wrong data and parts that do not fit are refused at the door.

Each message names the argument, what was expected and what came.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.helpers import run_python
from tests.small import make_vae as small_vae

EVENT = (8, 8, 1)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, size=8):
        super().__init__()
        self.x, self.size = x, size

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, index):
        return (self.x[index * self.size : (index + 1) * self.size],)


@pytest.fixture(scope="module")
def vae():
    model = small_vae()
    model.compile(optimizer="adam", jit_compile=False)
    return model


def refused(action, *words, error=ValueError):
    """Run `action`; it must raise a message that has all of these words."""
    with pytest.raises(error) as caught:
        action()
    message = str(caught.value)
    for word in ("Expected", "Received", *words):
        assert word in message, f"{word!r} is not in: {message}"


BAD_DATA = {
    "8-bit pixels": (255.0 * np.ones((9, *EVENT)), ["x", "[0, 1]", "255"]),
    "integer pixels": (np.full((9, *EVENT), 200, "uint8"), ["x", "[0, 1]", "200", "Divide"]),
    "negative": (np.full((9, *EVENT), -0.5), ["x", "[0, 1]", "-0.5"]),
    "NaN": (np.full((9, *EVENT), np.nan), ["x", "NaN"]),
    "infinite": (np.full((9, *EVENT), np.inf), ["x", "NaN or infinite"]),
    "no channel axis": (
        np.zeros((9, 8, 8)),
        ["x", "(batch, 8, 8, 1)", "(9, 8, 8)", "x[..., None]"],
    ),
    "one example": (np.zeros(EVENT), ["x", "(batch, 8, 8, 1)", "(8, 8, 1)", "x[None]"]),
    "another size": (np.zeros((9, 7, 8, 1)), ["x", "(batch, 8, 8, 1)", "(9, 7, 8, 1)"]),
    "flat": (np.zeros((9, 64)), ["x", "(batch, 8, 8, 1)", "(9, 64)"]),
    "empty": (np.zeros((0, *EVENT)), ["x", "at least one example", "(0, 8, 8, 1)"]),
    "text": (np.full((9, *EVENT), "1"), ["x", "numbers"]),
    "objects": (np.full((9, *EVENT), None), ["x", "numbers", "object"]),
}

TAKES_DATA = {
    "fit": lambda vae, x: vae.fit(x, verbose=0),
    "fit, also the target": lambda vae, x: vae.fit(x, x, verbose=0),
    "evaluate": lambda vae, x: vae.evaluate(x, verbose=0),
    "predict": lambda vae, x: vae.predict(x, verbose=0),
    "train_on_batch": lambda vae, x: vae.train_on_batch(x),
    "test_on_batch": lambda vae, x: vae.test_on_batch(x),
    "encode": lambda vae, x: vae.encode(x),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "elbo": lambda vae, x: vae.elbo(x),
    "validation_data": lambda vae, x: vae.fit(np.zeros((8, *EVENT)), validation_data=x, verbose=0),
}


@pytest.mark.parametrize("method", TAKES_DATA)
@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_arrays_are_refused_everywhere(vae, kind, method):
    x, words = BAD_DATA[kind]
    refused(lambda: TAKES_DATA[method](vae, x), *words)


def datasets(x):
    return {"tf.data": tf.data.Dataset.from_tensor_slices(x).batch(8), "PyDataset": Batches(x)}


@pytest.mark.parametrize("kind", ["8-bit pixels", "NaN", "infinite", "negative"])
@pytest.mark.parametrize("feed", ["tf.data", "PyDataset"])
def test_bad_values_in_a_pipeline_are_refused_before_they_reach_a_weight(vae, kind, feed):
    good = np.zeros((16, *EVENT))
    x = np.concatenate([good, BAD_DATA[kind][0]]).astype("float32")
    words = BAD_DATA[kind][1]
    if feed == "tf.data" and kind in ("NaN", "infinite"):
        words = [{"NaN": "nan", "infinite": "inf"}[kind]]
    for act in (vae.fit, vae.evaluate, vae.predict):
        refused(lambda act=act: act(datasets(x)[feed], verbose=0), "x", *words)
    assert all(np.all(np.isfinite(weight)) for weight in vae.weights)


@pytest.mark.parametrize("feed", ["tf.data", "PyDataset"])
def test_bad_shapes_in_a_pipeline_are_refused(vae, feed):
    x = np.zeros((16, 7, 8, 1), "float32")
    refused(lambda: vae.fit(datasets(x)[feed], verbose=0), "x", "(batch, 8, 8, 1)", "7, 8, 1)")


def test_a_bad_pipeline_for_validation_is_refused(vae):
    bad = datasets(np.full((8, *EVENT), 2.0, "float32"))["tf.data"]
    good = np.zeros((8, *EVENT), "float32")
    refused(lambda: vae.fit(good, validation_data=bad, verbose=0), "[0, 1]", "2")


def test_a_pipeline_without_batches_is_refused(vae):
    x = np.zeros((16, *EVENT), "float32")
    unbatched = tf.data.Dataset.from_tensor_slices(x)
    refused(
        lambda: vae.fit(unbatched, verbose=0), "x", "(batch, 8, 8, 1)", "(8, 8, 1)", "batch axis"
    )


def test_targets_and_weights_must_fit_the_examples(vae):
    x = np.zeros((8, *EVENT))
    refused(lambda: vae.fit(x, x[:7], verbose=0), "y", "8 examples", "(7, 8, 8, 1)")
    refused(lambda: vae.fit(x, 2.0 + x, verbose=0), "[0, 1]")
    refused(lambda: vae.fit(x, np.zeros((8, 10)), verbose=0), "(batch, 8, 8, 1)", "(8, 10)")
    refused(
        lambda: vae.fit(x, sample_weight=np.ones(3), verbose=0),
        "sample_weight",
        "8 examples",
        "(3,)",
    )
    refused(
        lambda: vae.evaluate(x, sample_weight=np.ones(3), verbose=0), "sample_weight", "8", "(3,)"
    )


def test_a_validation_split_must_leave_examples_on_both_sides(vae):
    x = np.zeros((8, *EVENT))
    for split in (1.0, 0.99):
        refused(
            lambda split=split: vae.fit(x, validation_split=split, verbose=0),
            "validation_split",
            f"validation_split={split}",
        )


def test_what_a_vae_does_itself_cannot_be_given(vae, make_vae):
    x = np.zeros((8, *EVENT))
    with pytest.raises(ValueError, match="sample_weight"):
        vae.fit(x, class_weight={0: 1.0}, verbose=0)
    other = make_vae()
    other.compile(optimizer="adam", loss="mse")
    with pytest.raises(ValueError, match=r"loss='mse'.*optimizer only"):
        other.fit(x, verbose=0)


def test_fit_before_compile_says_so(make_vae):
    with pytest.raises(ValueError, match="compile"):
        make_vae().fit(np.zeros((8, *EVENT)), verbose=0)


@pytest.mark.parametrize("latent_dim", [0, -1, 1.5, "2", None, True])
def test_a_latent_dim_is_a_positive_integer(latent_dim):
    refused(lambda: kvae.layers.MultivariateNormalDiag(latent_dim), "event", repr(latent_dim))
    refused(lambda: kvae.priors.StandardNormal(latent_dim), "event_shape", repr(latent_dim))
    refused(lambda: kvae.networks.mlp_decoder(latent_dim, 8), "latent_dim", repr(latent_dim))
    refused(lambda: kvae.networks.conv_decoder(latent_dim, EVENT), "latent_dim", repr(latent_dim))


def test_parts_that_do_not_fit_are_refused(make_vae):
    posterior = kvae.layers.MultivariateNormalDiag(2)
    likelihood = kvae.layers.IndependentBernoulli(EVENT)
    parts = {
        "encoder": kvae.networks.mlp_encoder(EVENT, 4),
        "posterior": posterior,
        "decoder": kvae.networks.mlp_decoder(2, EVENT),
        "likelihood": likelihood,
    }

    def make(**changed):
        return lambda: kvae.VAE(**{**parts, **changed})

    make()()  # as they are they fit
    networks = kvae.networks
    refused(make(encoder=networks.mlp_encoder(EVENT, 5)), "encoder", "posterior", "(None, 4)", "5)")
    refused(
        make(decoder=networks.mlp_decoder(2, (8, 8, 2))),
        "decoder",
        "likelihood",
        "8, 8, 1",
        "8, 8, 2",
    )
    refused(make(decoder=networks.mlp_decoder(3, EVENT)), "decoder", "(batch, 2)", "(None, 3)")
    refused(make(posterior="normal"), "posterior", "distribution layer", "'normal'")
    refused(make(likelihood=keras.layers.Dense(3)), "likelihood", "distribution layer", "Dense")
    refused(
        make(posterior=kvae.layers.IndependentNormal((2, 1))), "posterior", "latent_dim", "(2, 1)"
    )
    wrong = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(3))
    refused(
        make(posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=wrong)),
        "prior",
        "2 dimensions",
        "StandardNormal(3)",
    )


def test_latent_vectors_of_the_wrong_shape_are_refused(vae):
    refused(lambda: vae.decode(np.zeros((3, 5))), "z", "(batch, 2)", "(3, 5)")
    refused(lambda: vae.decode(np.zeros(2)), "z", "(batch, 2)", "(2,)")
    refused(lambda: vae.decode(np.full((3, 2), np.nan)), "z", "NaN")
    refused(lambda: vae.decode(np.zeros((0, 2))), "z", "at least one")
    for n in (0, -1, 2.5):
        refused(lambda n=n: vae.sample(n), "n", repr(n))


GOOD_DATA = {
    "a batch of one": np.full((1, *EVENT), 0.5),
    "grey": np.full((8, *EVENT), 0.37),
    "a short last batch": np.full((33, *EVENT), 0.5),
    "bytes that are 0 or 1": np.ones((8, *EVENT), "uint8"),
    "booleans": np.ones((8, *EVENT), bool),
    "float64": np.full((8, *EVENT), 0.25, "float64"),
    "a list": np.full((8, *EVENT), 0.25).tolist(),
    "a tensor": tf.fill((8, *EVENT), 0.25),
}


@pytest.mark.parametrize("kind", GOOD_DATA)
def test_unusual_but_right_data_are_taken(make_vae, kind):
    x, vae = GOOD_DATA[kind], make_vae()
    vae.compile(optimizer="adam", run_eagerly=True)
    logs = vae.evaluate(x, verbose=0, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert vae.predict(x, verbose=0).shape == (len(x), *EVENT)
    assert np.all(np.isfinite(vae.elbo(x)))
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"][0])


ANOTHER_BACKEND = {
    # Even where that backend is not installed: the variable is read before Keras is.
    "by the environment": "import kvae",
    "by a keras that is loaded already": """
import sys, types
keras = sys.modules["keras"] = types.ModuleType("keras")
keras.config = types.SimpleNamespace(backend=lambda: "jax")
import kvae
""",
}


@pytest.mark.parametrize("chosen", ANOTHER_BACKEND)
def test_another_backend_gets_one_clear_sentence_at_import(tmp_path, chosen):
    environment = {"KERAS_BACKEND": "jax" if "environment" in chosen else "tensorflow"}
    done = run_python(ANOTHER_BACKEND[chosen], tmp_path, env=environment, check=False)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: kvae needs Keras on the TensorFlow backend")
    assert "'jax'" in last
    assert "KERAS_BACKEND=tensorflow" in last
