"""A sensor model whose file trains its heads, and windows of its machine and of others."""

import keras
import numpy as np

import kvae
from tests.small import kl

__all__ = ["CHANNELS", "WINDOW", "machine", "make_learner"]

WINDOW = (16, 2)
CHANNELS = ["vibration", "oil, bar"]


def machine(rng, rows, gain=1.0, offset=0.0):
    """Windows of a made-up sensor: a rhythm with a random phase, and noise."""
    phase = rng.uniform(0.0, 2.0 * np.pi, size=(rows, 1, 1))
    clean = np.sin(np.arange(WINDOW[0])[None, :, None] * [0.5, 0.9] + phase)
    return (gain * clean + offset + 0.1 * rng.normal(size=(rows, *WINDOW))).astype("float32")


def make_learner(path):
    """Write a bundle; thresholds are of 10% false alarms."""
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
    rng = np.random.default_rng(0)
    vae.compile(keras.optimizers.Adam(3e-3))
    vae.fit(machine(rng, 300), epochs=30, verbose=0)
    kvae.export.bundle(
        vae,
        path,
        data=machine(rng, 100),
        calibration=machine(rng, 100),
        false_alarm_rate=0.1,
        presets=["float32", "int8-weights"],
        signatures=["score", "decode", "sample", "reconstruct"],
        trainable="heads",
        channels=CHANNELS,
        measure=False,
    )
    return path
