"""Arrays, arguments and parts that are not valid are refused.

Each message names the argument, what was expected and what came.
"""

import re

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
import tf_keras

import kvae
from kvae.contract import Domain, InputSpec
from tests.helpers import run_python
from tests.small import make_vae as small_vae

EVENT = (8, 8, 1)


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
    "flat": (np.zeros((9, 64)), ["x", "(batch, 8, 8, 1)", "(9, 64)", "x.reshape(-1, 8, 8, 1)"]),
    "empty": (np.zeros((0, *EVENT)), ["x", "at least one example", "(0, 8, 8, 1)"]),
    "text": (np.full((9, *EVENT), "1"), ["x", "numbers", "Encode text"]),
    "objects": (np.full((9, *EVENT), None), ["x", "numbers", "object", "astype"]),
    "masked": (
        np.ma.masked_less(np.zeros((9, *EVENT)), -1.0),
        ["x", "without a mask", "x.filled(value)"],
    ),
    "dates": (
        np.zeros((9, *EVENT), "datetime64[s]"),
        ["x", "datetime64[s]", "timedelta64(1, 's')"],
    ),
    "durations": (np.zeros((9, *EVENT), "timedelta64[s]"), ["x", "timedelta64[s]", "a unit"]),
    "structured": (
        np.zeros((9, *EVENT), [("a", "f4"), ("b", "f4")]),
        ["x", "numbers", "void64", "structured_to_unstructured"],
    ),
    "wide floats": (
        np.zeros((9, *EVENT), np.longdouble),
        ["x", np.dtype(np.longdouble).name, "astype"],
    ),
    "complex": (np.zeros((9, *EVENT), "complex64"), ["x", "complex64", "two channels"]),
    "sparse tensor": (
        tf.sparse.from_dense(np.zeros((9, *EVENT))),
        ["x", "dense", "SparseTensor", "to_dense"],
    ),
    "sparse matrix": (scipy.sparse.csr_array((9, 64)), ["x", "dense", "csr_array", "x.toarray()"]),
    "ragged tensor": (tf.ragged.constant([[1.0], [1.0, 2.0]]), ["x", "RaggedTensor", "to_tensor"]),
    "ragged list": ([[1.0], [1.0, 2.0]], ["x", "all rows of one shape", "list"]),
    "too large for float32": (np.full((9, *EVENT), 1e300), ["x", "beyond float32"]),
    "a number": (3.0, ["x", "(batch, 8, 8, 1)", "()"]),
    "a name of a file": ("x.npy", ["x", "numbers", "str"]),
    "nothing": (None, ["x", "none"]),
    "an unknown name": ({"x": np.zeros((9, *EVENT)), "label": np.zeros(9)}, ["'x'", "'label'"]),
}

TAKES_DATA = {
    "fit": lambda vae, x: vae.fit(x, verbose=0),
    "fit, also the target": lambda vae, x: vae.fit(x, x, verbose=0),
    "evaluate": lambda vae, x: vae.evaluate(x, verbose=0),
    "predict": lambda vae, x: vae.predict(x, verbose=0),
    "predict_on_batch": lambda vae, x: vae.predict_on_batch(x),
    "train_on_batch": lambda vae, x: vae.train_on_batch(x),
    "test_on_batch": lambda vae, x: vae.test_on_batch(x),
    "encode": lambda vae, x: vae.encode(x),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "elbo": lambda vae, x: vae.elbo(x),
    "validation_data": lambda vae, x: vae.fit(
        np.zeros((8, *EVENT)), validation_data=(x,), verbose=0
    ),
}


@pytest.mark.parametrize("method", TAKES_DATA)
@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_arrays_are_refused_everywhere(vae, kind, method):
    x, words = BAD_DATA[kind]
    refused(lambda: TAKES_DATA[method](vae, x), *words)


def test_a_pipeline_without_batches_is_refused(vae):
    unbatched = tf.data.Dataset.from_tensor_slices(np.zeros((16, *EVENT), "float32"))
    words = ("x", "(batch, 8, 8, 1)", "(8, 8, 1)", ".batch(32)")
    refused(lambda: vae.fit(unbatched, verbose=0), *words)


def test_a_pipeline_of_sparse_or_ragged_tensors_is_refused(vae):
    ragged = tf.data.Dataset.from_tensors(tf.ragged.constant([[1.0], [1.0, 2.0]]))
    sparse = tf.data.Dataset.from_tensors(tf.sparse.from_dense(np.zeros((8, *EVENT))))
    refused(lambda: vae.fit(ragged, verbose=0), "x", "dense", "RaggedTensorSpec", "to_tensor")
    refused(lambda: vae.fit(sparse, verbose=0), "x", "dense", "SparseTensorSpec", "to_dense")


COUNTS = {
    "fit": ["batch_size", "epochs", "steps_per_epoch", "validation_batch_size", "validation_steps"],
    "evaluate": ["batch_size", "steps"],
    "predict": ["batch_size", "steps"],
    "encode": ["batch_size"],
    "reconstruct": ["batch_size"],
    "elbo": ["batch_size"],
}


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8"])
@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, names in COUNTS.items() for name in names]
)
def test_what_counts_is_a_positive_integer(vae, method, name, value):
    x = np.zeros((8, *EVENT), "float32")
    refused(lambda: getattr(vae, method)(x, **{name: value}), f"{name}={value!r}", "positive")


@pytest.mark.parametrize("value", [-1, 1.5, True, None])
def test_an_initial_epoch_is_an_integer_of_at_least_0(vae, value):
    x = np.zeros((8, *EVENT), "float32")
    refused(lambda: vae.fit(x, initial_epoch=value, verbose=0), f"initial_epoch={value!r}")


class Frame:
    """What kvae asks of a data frame: `to_numpy`, `columns` and `dtypes`."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self.dtypes = [values.dtype for values in columns.values()]
        self.values = list(columns.values())

    def to_numpy(self):
        if len(set(self.dtypes)) == 1:
            return np.stack(self.values, axis=1)
        return np.stack([values.astype(object) for values in self.values], axis=1)


def test_a_data_frame_of_numbers_is_taken_and_another_one_says_which_column_is_none():
    vae = small_vae(2, likelihood=kvae.layers.IndependentNormal(2))
    numbers = np.linspace(0.0, 1.0, 5)
    mean, _ = vae.encode(Frame(a=numbers, b=numbers))
    np.testing.assert_array_equal(mean, vae.encode(np.stack([numbers, numbers], axis=1))[0])
    mixed = Frame(a=numbers, city=np.array(["x"] * 5))
    refused(lambda: vae.encode(mixed), "x", "all columns", "'city'", "Encode classes")


HINTS = {
    "a channel of a series": ((16, 1), (9, 16), "Add a channel axis: x[..., None]."),
    "several channels of a series": ((16, 3), (9, 16), ""),
    "a series of any length": ((None, 3), (9, 16), ""),
    "channels first": ((16, 3), (9, 3, 16), "np.moveaxis(x, 1, -1)"),
    "a needless axis": ((16,), (9, 16, 1), "Remove the last axis: x[..., 0]."),
    "a needless axis of numbers": ((), (9, 1), "Remove the last axis: x[..., 0]."),
    "a column": ((1,), (9,), "Add an axis: x[:, None]."),
    "one example": ((16, 3), (16, 3), "Add a batch axis: x[None]."),
    "a flat series": ((16, 3), (9, 48), "x.reshape(-1, 16, 3)"),
    "another number of channels": ((16, 3), (9, 16, 2), ""),
}


@pytest.mark.parametrize("case", HINTS)
def test_a_hint_makes_the_shape_right(case):
    """The hint is followed here; where none helps none is given."""
    shape, given, hint = HINTS[case]
    x = np.zeros(given, "float32")
    spec = InputSpec(shape)
    with pytest.raises(ValueError, match="Expected x to have shape") as caught:
        spec.check(x, "x")
    said = str(caught.value).split(f"Received: shape {given}")[1].removeprefix(".").strip()
    assert hint in said
    assert bool(hint) == bool(said)
    if hint:
        remedy = re.search(r"(x|np)[.\[].*[\])]", said)[0]
        spec.check(eval(remedy, {"x": x, "np": np}), "x")


def test_one_hot_vectors_in_the_place_of_classes_are_told_apart():
    classes = InputSpec((), "int32", Domain(0, 9, integer=True))
    with pytest.raises(ValueError, match=r"shape \(batch,\)\. Received: .*x\.argmax\(axis=-1\)"):
        classes.check(np.eye(10), "condition")
    assert list(classes.check(np.eye(10).argmax(axis=-1), "condition")) == list(range(10))


def test_targets_and_weights_must_fit_the_examples(vae):
    x = np.zeros((8, *EVENT))
    refused(lambda: vae.fit(x, x[:7], verbose=0), "y", "8 examples", "(7, 8, 8, 1)")
    refused(lambda: vae.fit(x, 2.0 + x, verbose=0), "[0, 1]")
    refused(lambda: vae.fit(x, np.zeros((8, 10)), verbose=0), "(batch, 8, 8, 1)", "(8, 10)")
    refused(lambda: vae.fit(x, np.arange(8), verbose=0), "Received: shape (8,)", "leave labels out")
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
    with pytest.raises(ValueError, match="class_weight"):
        vae.train_on_batch(x, x, class_weight={0: 1.0})
    other = make_vae()
    with pytest.raises(ValueError, match=r"Expected loss to be a kvae.*loss='mse'"):
        other.compile(optimizer="adam", loss="mse")


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
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
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


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_a_network_that_is_not_one_of_keras_3_is_refused(name, make_vae):
    parts = make_vae().parts()
    network = tf_keras.Sequential([tf_keras.layers.Flatten(), tf_keras.layers.Dense(4)])
    refused(lambda: kvae.VAE(**{**parts, name: network}), name, "tf_keras", "Sequential")
    refused(lambda: kvae.VAE(**{**parts, name: lambda x: x}), name, "Keras layer", "lambda")


@pytest.mark.parametrize("name", ["state_networks", "prior_networks", "posterior_networks"])
def test_a_network_of_a_hierarchy_is_one_of_keras_3(name):
    normal, kl = kvae.layers.MultivariateNormalDiag, kvae.regularizers.KLDivergenceRegularizer
    likelihood = kvae.layers.IndependentBernoulli(5)
    posteriors = [
        normal(2, activity_regularizer=kl(kvae.priors.StandardNormal(2))),
        normal(3, activity_regularizer=kl(kvae.priors.GivenNormal(3))),
    ]
    parts = kvae.networks.ladder_mlp((5,), [2, 3], likelihood.params_shape, width=4)
    parts[name] = [*parts[name][:-1], tf_keras.Sequential([tf_keras.layers.Dense(4)])]
    place = f"{name}[{len(parts[name]) - 1}]"
    refused(
        lambda: kvae.HierarchicalVAE(posteriors=posteriors, likelihood=likelihood, **parts),
        *(place, "tf_keras", "Sequential"),
    )


def test_latent_vectors_of_the_wrong_shape_are_refused(vae):
    refused(lambda: vae.decode(np.zeros((3, 5))), "z", "(batch, 2)", "(3, 5)")
    refused(lambda: vae.decode(np.zeros(2)), "z", "(batch, 2)", "(2,)")
    refused(lambda: vae.decode(np.full((3, 2), np.nan)), "z", "NaN")
    refused(lambda: vae.decode(np.zeros((0, 2))), "z", "at least one")
    refused(lambda: vae.decode(np.zeros((3, 2)), batch_size=0), "batch_size=0")
    refused(lambda: vae.sample(3, batch_size=-1), "batch_size=-1")
    masked = np.ma.masked_less(np.zeros((3, 2)), 1.0)
    refused(lambda: vae.decode(masked), "z", "without a mask")
    for n in (0, -1, 2.5):
        refused(lambda n=n: vae.sample(n), "n", repr(n))


GOOD_DATA = {
    "a batch of one": np.full((1, *EVENT), 0.5),
    "grey": np.full((8, *EVENT), 0.37),
    "a short last batch": np.full((33, *EVENT), 0.5),
    "bytes that are 0 or 1": np.ones((8, *EVENT), "uint8"),
    "booleans": np.ones((8, *EVENT), bool),
    "float64": np.full((8, *EVENT), 0.25, "float64"),
    "a dict": {"x": np.full((8, *EVENT), 0.25)},
    "a list": np.full((8, *EVENT), 0.25).tolist(),
    "a tensor": tf.fill((8, *EVENT), 0.25),
}


@pytest.mark.parametrize("kind", GOOD_DATA)
def test_unusual_but_right_data_are_taken(make_vae, kind):
    x, vae = GOOD_DATA[kind], make_vae()
    vae.compile(optimizer="adam", run_eagerly=True)
    logs = vae.evaluate(x, verbose=0, return_dict=True)
    assert np.isfinite(logs["loss"])
    examples = len(x["x"] if isinstance(x, dict) else x)
    assert vae.predict(x, verbose=0).shape == (examples, *EVENT)
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
