"""Models of raw data, their bundles, and what every client has to say of 2,000 windows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import kvae
from tests.small import kl

__all__ = ["RAW_MODELS", "RawModel", "make_raw_model"]

WINDOWS = 2000


@dataclass
class RawModel:
    """A trained model of raw data.

    Attributes:
        vae: the Keras model.
        bundle: its bundle.
        served: its SavedModel.
        x: windows, half of which are anomalies.
        expected: their scores in Keras.
    """

    vae: Any
    bundle: Path
    served: Path
    x: np.ndarray
    expected: np.ndarray

    def check(self, scores):
        """Assert that scores are those of Keras and decide alike."""
        scores = np.asarray(scores, "float64")
        np.testing.assert_allclose(scores, self.expected, rtol=1e-4)
        threshold = np.quantile(self.expected[: WINDOWS // 2], 0.99)
        # Windows within the rounding of a client's arithmetic of the threshold may fall either way.
        clear = np.abs(self.expected - threshold) > 1e-6 * np.abs(threshold)
        decided = scores > threshold
        np.testing.assert_array_equal(decided[clear], (self.expected > threshold)[clear])
        assert np.mean(decided[WINDOWS // 2 :]) > 0.9, "the anomalies are found"


def _sensor(rng):
    """Windows of 64 samples of three channels in units of their own; anomalies lack a phase."""
    time = np.arange(64)[None, :, None]
    phase = rng.uniform(0, 2 * np.pi, (WINDOWS, 1, 1))
    wave = np.sin(2 * np.pi * time / 16 + phase + np.array([0.0, 1.0, 2.0]))
    wave[WINDOWS // 2 :] = rng.normal(size=(WINDOWS // 2, 64, 3))
    noise = 0.1 * rng.normal(size=wave.shape)
    return (np.array([1013.0, 20.0, 0.01]) + np.array([5.0, 3.0, 0.002]) * (wave + noise)).astype(
        "float32"
    )


def _sensor_likelihood():
    return kvae.layers.Transformed(
        kvae.layers.IndependentNormal((64, 3), min_scale=0.01), kvae.transforms.Standardization()
    )


def _colour(rng):
    """8-bit pictures of one colour that fades; anomalies are noise."""
    colour = rng.uniform(40, 215, (WINDOWS, 1, 1, 3))
    fading = np.linspace(0.8, 1.1, 8)[None, :, None, None]
    pictures = colour * fading + rng.normal(0.0, 3.0, (WINDOWS, 8, 8, 3))
    pictures[WINDOWS // 2 :] = rng.uniform(0, 255, (WINDOWS // 2, 8, 8, 3))
    return np.clip(np.round(pictures), 0, 255).astype("uint8")


def _colour_likelihood():
    return kvae.layers.Transformed(
        kvae.layers.DiscretizedLogistic((8, 8, 3)), kvae.transforms.Pixels()
    )


RAW_MODELS = {"sensor": (_sensor, _sensor_likelihood), "colour": (_colour, _colour_likelihood)}


def make_raw_model(kind, folder):
    """Return a trained model of a kind, exported into `folder`."""
    keras.utils.set_random_seed(5)
    make_data, make_likelihood = RAW_MODELS[kind]
    x, likelihood = make_data(np.random.default_rng(3)), make_likelihood()
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl(4))
    shape = likelihood.event_shape
    decoder = kvae.networks.mlp_decoder(4, likelihood.params_shape, (64,))
    if kind == "sensor":  # one learned scale
        network = kvae.networks.mlp_decoder(4, shape, (64,))
        decoder = keras.Sequential([network, kvae.layers.LearnedScale(initial=1.0)])
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(shape, posterior.params_size, (64,)),
        posterior=posterior,
        decoder=decoder,
        likelihood=likelihood,
    )
    normal = x[: WINDOWS // 2]
    if kind == "sensor":
        vae.adapt(normal)
    vae.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    vae.fit(normal, epochs=30, verbose=0)
    few = normal[:64]  # more would only be encoded, decoded and diagnosed for longer
    names = ["decode", "sample", "reconstruct", "score"]
    settings = {"presets": ["float32"], "signatures": names, "measure": False}
    kvae.export.bundle(vae, folder / "bundle", data=few, **settings)
    kvae.export.saved_model(vae, folder / "serving", data=few)
    return RawModel(vae, folder / "bundle", folder / "serving", x, vae.score(x).astype("float64"))
