"""The VAE of a table synthesizer: its parts by the columns, its training, its fitted prior."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from kvae.estimators.table_encoding import TableEncoding
from kvae.estimators.training import optimizer_of
from kvae.layers import MultivariateNormalDiag
from kvae.models import VAE
from kvae.networks import residual_mlp_decoder, residual_mlp_encoder
from kvae.priors import GaussianMixture, StandardNormal
from kvae.regularizers import KLDivergenceRegularizer

__all__ = ["table_model", "train_table_model"]

ROWS_PER_COMPONENT = 20  # of the prior, at least


def table_model(encoding: TableEncoding, latent_dim: int, units: int, beta: float) -> VAE:
    """Return an untrained VAE for the columns of an encoding, any of which may be missing.

    Args:
        encoding: of the table.
        latent_dim: number of latent dimensions.
        units: units of the hidden layers of encoder and decoder.
        beta: weight of the KL.
    """
    likelihood = encoding.likelihood()
    kl = KLDivergenceRegularizer(StandardNormal(latent_dim), weight=beta)
    posterior = MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    # The encoder reads values and, because some may be missing, which of them are observed.
    encoder = residual_mlp_encoder(
        2 * sum(encoding.widths), posterior.params_size, units, columns=encoding.features()
    )
    decoder = residual_mlp_decoder(latent_dim, likelihood.params_shape, units)
    return VAE(encoder, posterior, decoder, likelihood, missing=True)


def train_table_model(
    model: VAE,
    rows: np.ndarray,
    hidden: np.ndarray,
    held_out: np.ndarray,
    steps: int,
    epochs: int,
    patience: int,
    batch_size: int,
    learning_rate: float,
    components: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[VAE, dict[str, list[float]]]:
    """Train until the loss of held-out rows no longer falls; return the model with a fitted prior.

    Args:
        model: what `table_model` returned.
        rows: what `TableEncoding.forward` returned.
        hidden: some of them with hidden values; training reads both.
        held_out: other such rows.
        steps: most batches.
        epochs: most passes over the rows.
        patience: passes without a lower loss after which training ends; the weights of the lowest
            loss are kept.
        batch_size: rows of a batch.
        learning_rate: of Adam at the beginning; by half a cosine it goes to zero at the end of the
            most passes.
        components: most components of the mixture that becomes the prior.
        seed: of the fit of the prior.
        callbacks: see `keras.Model.fit`.
    """
    trained_on = np.concatenate([rows, hidden])
    per_epoch = math.ceil(len(trained_on) / batch_size)
    epochs = max(1, min(epochs, round(steps / per_epoch)))
    model.compile(optimizer_of(learning_rate, epochs * per_epoch))
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=patience, restore_best_weights=True
    )
    history = model.fit(
        trained_on,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=held_out,
        callbacks=[stopping, *callbacks],
        verbose=0,
    )
    components = max(1, min(components, len(rows) // ROWS_PER_COMPONENT))
    prior = GaussianMixture(model.latent_dim, num_components=components)
    return model.fit_prior(rows, prior, seed=seed), history.history
