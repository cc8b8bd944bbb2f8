"""Float32 copies of models that compute in another precision."""

import keras
import numpy as np
import pytest

import kvae
from kvae.models.float32 import float32_network
from tests.helpers import relative
from tests.small import kl


def normalizing(policy, rows):
    """Return a VAE in a precision, of which both networks hold a layer adapted to rows."""
    layers = keras.layers
    before = layers.Normalization(dtype=policy)
    before.adapt(rows)
    after = layers.Normalization(invert=True, dtype=policy)
    after.adapt(rows)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood = kvae.layers.IndependentNormal(4)
    return kvae.VAE(
        encoder=keras.Sequential(
            [keras.Input((4,)), before, layers.Dense(posterior.params_size, dtype=policy)]
        ),
        posterior=posterior,
        decoder=keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(4, dtype=policy),
                after,
                layers.Dense(likelihood.params_shape[0], dtype=policy),
            ]
        ),
        likelihood=likelihood,
    )


@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_a_copy_normalizes_by_what_the_model_was_adapted_to(policy, rng):
    rows = rng.normal(5.0, 3.0, size=(200, 4))
    vae = normalizing(policy, rows)
    copy = vae.float32_copy()
    assert copy is not vae
    within = 1e-5 if policy == "float64" else 0.01
    z = rng.normal(size=(5, 2))
    assert relative(copy.decode(z), vae.decode(z)) < within
    for found, expected in zip(copy.encode(rows[:9]), vae.encode(rows[:9]), strict=True):
        assert np.max(np.abs(found - expected)) < within * max(1.0, np.max(np.abs(expected)))


def test_a_network_that_keras_does_not_copy_is_named(rng):
    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Lambda(lambda x: 2.0 * x, dtype="float64")], name="doubles"
    )
    network.dtype_policy = "float64"
    with pytest.raises(ValueError, match=r"no Lambda of a Python .*'doubles' with the policy 'flo"):
        float32_network(network)
