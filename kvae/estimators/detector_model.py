"""The VAE of an anomaly detector: its parts by the shape of an example, and its training."""

import contextlib
import math
import random
from collections.abc import Iterator

import keras
import numpy as np

from kvae.layers import IndependentNormal, MultivariateNormalDiag, Transformed
from kvae.losses import TrimmedELBO
from kvae.models import VAE
from kvae.networks import for_data, mlp_decoder, mlp_encoder
from kvae.priors import StandardNormal
from kvae.regularizers import KLDivergenceRegularizer
from kvae.transforms import Arcsinh, Standardization, Transform

__all__ = ["SCALINGS", "detector_model", "seeded", "train"]

# Least standard deviation of an element, in units of the transformed column. Smaller ones would
# let a few columns that are predicted almost exactly decide the score.
MIN_SCALE = 0.3
REPEATED_ROWS = 20_000

SCALINGS: dict[str, type[Transform]] = {"arcsinh": Arcsinh, "standard": Standardization}


def detector_model(event_shape: tuple[int, ...], latent_dim: int, units: int, scaling: str) -> VAE:
    """Return an untrained VAE for examples of a shape.

    Args:
        event_shape: (features,), or (time, channels) of a window.
        latent_dim: number of latent dimensions.
        units: units of the two hidden layers of dense networks.
        scaling: a key of `SCALINGS`.
    """
    posterior = MultivariateNormalDiag(
        latent_dim, activity_regularizer=KLDivergenceRegularizer(StandardNormal(latent_dim))
    )
    likelihood = Transformed(
        IndependentNormal(event_shape, min_scale=MIN_SCALE), SCALINGS[scaling]()
    )
    if len(event_shape) == 1:
        hidden = (units, units)
        encoder = mlp_encoder(event_shape, posterior.params_size, hidden)
        decoder = mlp_decoder(latent_dim, likelihood.params_shape, hidden)
    else:
        encoder, decoder = for_data(
            event_shape, posterior.params_size, latent_dim, likelihood.params_shape
        )
    return VAE(encoder, posterior, decoder, likelihood)


def train(
    model: VAE,
    rows: np.ndarray,
    steps: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    trim: float,
) -> None:
    """Adapt the model's transform to rows and train it, by Adam with a cosine schedule.

    Args:
        model: what `detector_model` returned.
        rows: (rows, *event_shape).
        steps: most batches.
        epochs: most passes over the rows.
        batch_size: rows of a batch.
        learning_rate: at the beginning.
        trim: share of each batch that is left out.
    """
    model.adapt(rows)
    steps = min(steps, epochs * math.ceil(len(rows) / batch_size))
    # An epoch of few batches costs more time than its batches: a small table is repeated.
    repeats = max(1, min(steps * batch_size, REPEATED_ROWS) // len(rows))
    rows = np.concatenate([rows] * repeats)
    per_epoch = min(steps, math.ceil(len(rows) / batch_size))
    passes = max(1, round(steps / per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, passes * per_epoch)
    model.compile(keras.optimizers.Adam(schedule), loss=TrimmedELBO(trim))
    model.fit(rows, batch_size=batch_size, epochs=passes, steps_per_epoch=per_epoch, verbose=0)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed Keras and TensorFlow; Python's and NumPy's own generators stay as they are.

    Args:
        seed: int, or None to change nothing.
    """
    if seed is None:
        yield
        return
    python, numpy = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
