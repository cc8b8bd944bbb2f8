"""Terms of the loss on several replicas: those of the global batch, each from its own examples."""

import pytest

from tests.helpers import run_python

# Batches of 20 and one of uneven parts, or one of which a replica gets nothing.
CODE = """
import keras
import numpy as np
import kvae
from tests.models.replicas import train_in_both
from tests.small import make_vae

rng = np.random.default_rng(0)
x = (rng.uniform(size=(47, 6)) * np.linspace(0.2, 2.0, 47)[:, None]).astype("float32")
optimal = lambda size: kvae.layers.NormalLikelihood(size, scale="optimal")
"""
OPTIMAL = """
def of_columns():
    halved = kvae.layers.Transformed(optimal(()), kvae.transforms.Standardization(0.0, 2.0))
    return kvae.layers.Columns([optimal(()), halved])

for make, size, data, rows, draws in (
    (lambda: optimal(6), 6, {"x": x, "observed": rng.uniform(size=x.shape) < 0.7}, 47, None),
    (lambda: optimal(6), 6, x[:41], 41, 2),
    (of_columns, 2, x[:41, :2], 41, None),
):
    train_in_both(
        lambda: make_vae((size,), 2, likelihood=make()),
        data,
        kvae.losses.NegativeELBO(draws),
        sample_weight=np.linspace(0.5, 1.5, rows),
    )
"""

ACTIVE = """
normal = kvae.layers.MultivariateNormalDiag
capacity = lambda: kvae.regularizers.Capacity(kvae.priors.StandardNormal(2), 1.0)

def active(**parts):
    vae = make_vae((6,), 2, **{name: make() for name, make in parts.items()})
    for network in (vae.encoder, vae.decoder):
        network.layers[-2].activity_regularizer = keras.regularizers.L2(3.0)
    return vae

for parts in (
    {"likelihood": lambda: optimal(6)},
    {
        "likelihood": lambda: kvae.layers.NormalLikelihood(6),
        "posterior": lambda: normal(2, activity_regularizer=capacity()),
    },
):
    train_in_both(lambda: active(**parts), x[:41])
"""


@pytest.mark.slow
def test_losses_of_activities_are_those_of_the_own_examples(tmp_path):
    """Layers keep the losses of their last call, and all replicas call the same layers."""
    assert run_python(CODE + ACTIVE, tmp_path, prepared=True).count("same 2") == 2


WAITING = """
from tests.models.replicas import two_replicas

with two_replicas().scope():
    vae = make_vae((6,), 2)
    synchronized = keras.layers.BatchNormalization(synchronized=True)
    layers = [keras.Input((6,)), synchronized, *vae.encoder.layers[1:]]
    vae = kvae.VAE(
        encoder=keras.Sequential(layers),
        posterior=vae.posterior_layer,
        decoder=vae.decoder,
        likelihood=vae.likelihood_layer,
    )
    vae.encoder.layers[-2].activity_regularizer = keras.regularizers.L2(3.0)
    vae.compile("sgd", jit_compile=False)
try:
    vae.fit(0.5 * x, batch_size=20, verbose=0)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_losses_of_activities_beside_replicas_that_wait_are_refused(tmp_path):
    """The other replica calls the same layers while one waits inside the encoder."""
    printed = run_python(CODE + WAITING, tmp_path, prepared=True)
    assert "Expected no losses of activities under several replicas" in printed


@pytest.mark.slow
def test_an_optimal_scale_is_that_of_the_global_batch(tmp_path):
    assert run_python(CODE + OPTIMAL, tmp_path, prepared=True).count("same 2") == 3
