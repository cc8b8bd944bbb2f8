"""The VAE of an anomaly detector: its parts by the shape of an example, and its training."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from kvae.data import TableSchema
from kvae.estimators.detector_table import detector_likelihood, scale_places
from kvae.estimators.training import optimizer_of
from kvae.layers import (
    Columns,
    IndependentCategorical,
    ModulatedScale,
    MultivariateNormalDiag,
)
from kvae.losses import TrimmedELBO
from kvae.models import VAE
from kvae.networks import TableInputs, for_data
from kvae.priors import StandardNormal
from kvae.regularizers import KLDivergenceRegularizer
from kvae.transforms import Arcsinh, Standardization, Transform

__all__ = ["SCALINGS", "detector_model", "train"]

# An epoch of few batches costs more time than its batches: a small table is repeated up to this.
REPEATED_ROWS = 20_000

SCALINGS: dict[str, type[Transform]] = {"arcsinh": Arcsinh, "standard": Standardization}


def detector_model(
    event_shape: tuple[int, ...],
    latent_dim: int,
    units: int,
    scaling: str,
    schema: TableSchema | None = None,
) -> VAE:
    """Return an untrained VAE for examples of a shape.

    Args:
        event_shape: (features,), or (time, channels) of a window.
        latent_dim: number of latent dimensions.
        units: units of the two hidden layers of dense networks.
        scaling: a key of `SCALINGS`.
        schema: of a table whose array the examples are, or None.
    """
    missing = schema is not None and schema.missing
    posterior = MultivariateNormalDiag(
        latent_dim, activity_regularizer=KLDivergenceRegularizer(StandardNormal(latent_dim))
    )
    likelihood = detector_likelihood(event_shape, schema, SCALINGS[scaling])
    places = scale_places(likelihood)
    if len(event_shape) == 1:
        # Beside the values, the encoder is shown which of them are known.
        seen = (event_shape[0] * (2 if missing else 1),)
        columns = None if places is None or schema is None else schema.features()
        encoder = _dense(seen, units, posterior.params_shape, "encoder", columns)
        decoder = _dense((latent_dim,), units, likelihood.params_shape, "decoder")
    else:
        encoder, decoder = for_data(
            event_shape, posterior.params_size, latent_dim, likelihood.params_shape
        )
    # A scale of its own for each row would let the model explain anomalies by wide distributions.
    if places != ([], []):  # of classes alone
        locs, changes = places or (None, None)
        outputs = ModulatedScale(places=locs, changes=changes, name="scale")(decoder.output)
        decoder = keras.Model(decoder.input, outputs, name=decoder.name)
    return VAE(encoder, posterior, decoder, likelihood, missing=missing)


def _dense(
    shape: tuple[int, ...],
    units: int,
    params_shape: tuple[int, ...],
    name: str,
    columns: list[int | str] | None = None,
) -> keras.Model:
    """Return a dense network with Keras' initial weights.

    Those of `kvae.networks.mlp_encoder`, he_normal, are five times as large for few columns: the
    functions are less smooth, and anomalies in the training data are learned sooner.
    """
    x = inputs = keras.Input(shape)
    if columns is not None:
        x = TableInputs(columns, name=f"{name}_columns")(x)
    for index in range(2):
        x = keras.layers.Dense(units, "relu", name=f"{name}_dense_{index}")(x)
    outputs = keras.layers.Dense(params_shape[0], name=f"{name}_params")(x)
    return keras.Model(inputs, outputs, name=name)


def train(
    model: VAE,
    rows: np.ndarray,
    steps: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    trim: float,
    callbacks: Sequence[keras.callbacks.Callback] = (),
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
        callbacks: see `keras.Model.fit`.
    """
    if any(model.transforms_by_input().values()):  # a table of classes alone has none
        model.adapt(rows)
    _start_at_frequencies(model, rows)
    steps = min(steps, epochs * math.ceil(len(rows) / batch_size))
    repeats = max(1, min(steps * batch_size, REPEATED_ROWS) // len(rows))
    rows = np.concatenate([rows] * repeats)
    per_epoch = min(steps, math.ceil(len(rows) / batch_size))
    passes = max(1, round(steps / per_epoch))
    model.compile(optimizer_of(learning_rate, passes * per_epoch), loss=TrimmedELBO(trim))
    model.fit(
        rows,
        batch_size=batch_size,
        epochs=passes,
        steps_per_epoch=per_epoch,
        callbacks=list(callbacks),
        verbose=0,
    )


def _start_at_frequencies(model: VAE, rows: np.ndarray) -> None:
    """Let the decoder begin with the frequencies of classes, as it does with means of numbers.

    Without it, training would have to make improbable what no row holds.
    """
    likelihood = model.likelihood_layer
    if not isinstance(likelihood, Columns):
        return
    dense = model.decoder.get_layer("decoder_params")
    bias, start = dense.bias.numpy(), 0
    assert likelihood.blocks_of_row is not None
    for places, layer in zip(likelihood.blocks_of_row.places, likelihood.columns, strict=True):
        if isinstance(layer, IndependentCategorical):
            one_hot = rows[:, places, None] == np.arange(layer.num_classes)  # (N, k, classes)
            counts = one_hot.sum(axis=0) + 0.5
            shares = counts / counts.sum(axis=1, keepdims=True)
            # The params are a block of logits for each class.
            bias[start : start + layer.params_size] = np.log(shares).T.ravel()
        start += layer.params_size
    dense.bias.assign(bias)
