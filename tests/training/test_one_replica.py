"""A strategy with one replica, as on a machine with one device, trains as no strategy does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.small import make_vae

BATCH = 8


def trained(strategy, x, **settings):
    """Return the losses of a training, and the model."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        vae = make_vae((6,), 2)
        vae.compile(keras.optimizers.Adam(1e-3), **settings)
    logs = vae.fit(
        x, batch_size=BATCH, epochs=2, shuffle=False, verbose=0, validation_data=x[:12]
    ).history
    return logs, vae


@pytest.mark.parametrize(
    "settings",
    [
        {"jit_compile": False},
        {"jit_compile": False, "steps_per_execution": 3},
        {"jit_compile": True},
    ],
    ids=["batch by batch", "several batches a call", "XLA"],
)
def test_it_trains_as_without_a_strategy(settings, rng):
    x = rng.uniform(size=(6 * BATCH + 3, 6)).astype("float32")
    expected, _ = trained(tf.distribute.get_strategy(), x, **settings)
    found, _ = trained(tf.distribute.MirroredStrategy(["CPU:0"]), x, **settings)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)


def test_a_loss_that_is_not_finite_changes_nothing(rng):
    x = rng.uniform(size=(4 * BATCH, 6)).astype("float32")
    _, vae = trained(tf.distribute.MirroredStrategy(["CPU:0"]), x, jit_compile=False)
    bias = vae.decoder.weights[-1]
    bias.assign(bias * np.nan)
    before = vae.get_weights()
    with pytest.raises(kvae.callbacks.NonFiniteError, match="nll=nan at step 9"):
        vae.fit(x, batch_size=BATCH, verbose=0)
    for weight, kept in zip(vae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
