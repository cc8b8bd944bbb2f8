"""The steps of an execution in one program of XLA: the same training as step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kvae.training import step
from kvae.training.compiled import compiles_steps
from tests.small import make_vae

X = np.random.default_rng(0).random((22, 8, 8, 1)).astype("float32")
FLOAT32 = 1e-5  # the order of float32 additions


def from_array(y, weights):
    return (X, y), {"batch_size": 4, "sample_weight": weights}


def from_pipeline(y, weights):
    parts = tuple(part for part in (X, y, weights) if part is not None)
    return (tf.data.Dataset.from_tensor_slices(parts).batch(4),), {}


def trained(steps, with_xla, data, arguments):
    keras.utils.set_random_seed(0)
    vae = make_vae(seed=5)
    vae.compile(
        keras.optimizers.Adam(1e-3),
        weighted_metrics=[keras.metrics.MeanSquaredError()],
        steps_per_execution=steps,
        jit_compile=with_xla,
    )
    history = vae.fit(*data, epochs=2, verbose=0, shuffle=False, **arguments).history
    return vae, history


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "form", "weighted"),
    [(4, from_array, True), (4, from_pipeline, False), (1, from_array, True)],
)
def test_training_is_that_of_single_steps_without_xla(steps, form, weighted):
    """Six batches, the last one short, four an execution: the second has one full and the short."""
    weights = np.linspace(0.1, 2.0, len(X)).astype("float32") if weighted else None
    target = 1.0 - X if weighted else None
    one, alone = trained(1, False, *form(target, weights))
    several, together = trained(steps, True, *form(target, weights))
    assert compiles_steps(several)
    assert not compiles_steps(one)
    assert int(several.optimizer.iterations) == 12
    assert alone.keys() == together.keys()
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=FLOAT32, err_msg=name)
    for before, after in zip(one.variables, several.variables, strict=True):
        np.testing.assert_allclose(after, before, rtol=FLOAT32, atol=1e-6, err_msg=before.path)


def test_a_step_from_elsewhere_reports_what_it_wants():
    vae = make_vae()

    class Reporting(type(vae)):
        def train_step(self, data):
            return {**super().train_step(data), "own": tf.constant(7.0)}

    own = Reporting(vae.encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)
    own.compile("adam", steps_per_execution=2, jit_compile=True)
    assert not compiles_steps(own)
    assert own.fit(X, batch_size=4, verbose=0).history["own"] == [7.0]


def test_python_data_are_trained_on_as_by_keras():
    class Batches(keras.utils.PyDataset):
        num_batches = 3

        def __getitem__(self, index):
            return (X[4 * index : 4 * index + 4],)

    vae = make_vae()
    vae.compile("adam", steps_per_execution=2, jit_compile=True)
    vae.fit(Batches(), verbose=0)
    assert int(vae.optimizer.iterations) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"jit_compile": True, "steps_per_execution": 1},
        {"jit_compile": True, "steps_per_execution": 2},
    ],
)
def test_a_step_is_traced_once(arguments, grey, monkeypatch):
    """An optimizer that is built within the first trace makes TensorFlow trace it again."""
    traced, train_step = [], step.train_step
    monkeypatch.setattr(
        step, "train_step", lambda model, data: traced.append(model) or train_step(model, data)
    )
    vae = make_vae()
    vae.compile("adam", **arguments)
    vae.fit(grey, batch_size=8, epochs=2, verbose=0)
    assert len(traced) == 1
