"""Models of a table, of pictures and of a series with missing values, and their bundles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

import kvae
from tests.small import kl

__all__ = ["GAP_MODELS", "GapModel", "make_gap_model"]

ROWS = 64
SIGNATURES = ("decode", "sample", "score", "impute")


@dataclass
class GapModel:
    """A model with `missing=True`.

    Attributes:
        vae: the Keras model.
        bundle: its bundle.
        x: examples without gaps.
        schema: of the table, None for other data.
    """

    vae: Any
    bundle: Path
    x: np.ndarray
    schema: Any = None


def _survey(rng):
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "La Paz"], ROWS),
            "height": rng.normal(170.0, 9.0, ROWS).round(1),
            "age": rng.integers(18, 80, ROWS),
            "income": rng.normal(3000.0, 500.0, ROWS).astype(int),
        }
    )
    schema = kvae.data.TableSchema.infer(frame)
    return schema.to_array(frame), schema.likelihood(), schema


def _holed(rng):
    x = rng.uniform(size=(ROWS, 8, 8, 1)).round(2).astype("float32")
    return x, kvae.layers.IndependentBernoulli((8, 8, 1)), None


def _outage(rng):
    phase = rng.uniform(0, 2 * np.pi, (ROWS, 1, 1))
    wave = np.sin(np.arange(32)[None, :, None] / 3 + phase + np.array([0.0, 1.0]))
    return wave.astype("float32"), kvae.layers.IndependentNormal((32, 2), min_scale=0.1), None


GAP_MODELS = {"survey": _survey, "holed": _holed, "outage": _outage}


def make_gap_model(kind, folder):
    """Return a model of a kind, trained for a moment and exported into `folder`."""
    keras.utils.set_random_seed(2)
    x, likelihood, schema = GAP_MODELS[kind](np.random.default_rng(8))
    *outer, last = likelihood.event_shape
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    vae = kvae.VAE(
        kvae.networks.mlp_encoder((*outer, 2 * last), posterior.params_size, (8,)),
        posterior,
        kvae.networks.mlp_decoder(2, likelihood.params_shape, (8,)),
        likelihood,
        missing=True,
    )
    gaps = np.where(np.random.default_rng(9).uniform(size=x.shape) < 0.2, np.nan, x)
    if schema is not None:
        vae.adapt(gaps)
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(gaps, epochs=20, verbose=0)
    settings = {"presets": ["float32"], "signatures": list(SIGNATURES), "measure": False}
    kvae.export.bundle(vae, folder / kind, data=gaps, schema=schema, **settings)
    return GapModel(vae, folder / kind, x, schema)
