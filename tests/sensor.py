"""A made-up sensor: windows of its machine and of others, and a VAE of them."""

import keras
import numpy as np

import kvae
from tests.small import kl

__all__ = ["WINDOW", "machine", "trained_sensor"]

WINDOW = (16, 2)


def machine(rng, rows=300, gain=1.0, offset=0.0):
    """Return windows (rows, 16, 2), float32: a rhythm with a random phase, and noise."""
    phase = rng.uniform(0.0, 2.0 * np.pi, size=(rows, 1, 1))
    clean = np.sin(np.arange(WINDOW[0])[None, :, None] * [0.5, 0.9] + phase)
    return (gain * clean + offset + 0.1 * rng.normal(size=(rows, *WINDOW))).astype("float32")


def trained_sensor(x, epochs):
    """Return a VAE with a learned scale, trained on windows for a moment."""
    keras.utils.set_random_seed(0)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(WINDOW, posterior.params_size, hidden=(24,)),
        posterior=posterior,
        decoder=keras.Sequential(
            [
                kvae.networks.mlp_decoder(2, WINDOW, hidden=(24,)),
                kvae.layers.LearnedScale(initial=0.5),
            ]
        ),
        likelihood=kvae.layers.IndependentNormal(WINDOW),
    )
    vae.compile(keras.optimizers.Adam(3e-3))
    vae.fit(x, epochs=epochs, verbose=0)
    return vae
