"""The second step of a quantized model: its prior learns the codes of data."""

import math
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.training.non_finite import NonFinite
from kvae.training.non_finite_check import NonFiniteError

__all__ = ["fit_code_prior"]


def fit_code_prior(
    model: Any, x: Any, optimizer: Any, batch_size: int, epochs: int, **kwargs: Any
) -> Any:
    """Train the prior of a `QuantizedVAE`; arguments as for its `fit_prior`."""
    prior = model.prior
    if not prior.trainable_weights:
        raise ValueError(
            "Expected a prior with weights: kvae.priors.AutoregressiveCodes. Received: "
            f"{prior.description()}"
        )
    checks.positive_int("epochs", epochs), checks.positive_int("batch_size", batch_size)
    codes = model.encode(x)
    if kwargs.get("validation_data") is not None:
        held_out = model.encode(kwargs["validation_data"])
        kwargs["validation_data"] = held_out, held_out
    trainer = _CodeLikelihood(prior)
    trainer.compile(optimizer)
    before = prior.get_weights()
    history = trainer.fit(codes, codes, batch_size=batch_size, epochs=epochs, **kwargs)
    losses = history.history["loss"]
    if not all(map(math.isfinite, losses)):
        prior.set_weights(before)
        epoch = next(i for i, loss in enumerate(losses) if not math.isfinite(loss))
        raise NonFiniteError(
            f"Expected the loss of the prior to be finite. Received: {losses[epoch]} in epoch "
            f"{epoch + 1}. The prior is what it was before. Lower the learning rate, or clip the "
            "gradients (the optimizer's clipnorm=1.0).",
            NonFinite(int(trainer.optimizer.iterations), "loss", losses[epoch]),
        )
    prior.fitted = True
    model.forget_traces()
    return history


class _CodeLikelihood(keras.Model):
    """Codes -> log p(codes), (batch,); its loss is the negative mean."""

    def __init__(self, prior: Any):
        super().__init__(name="code_prior")
        self.prior = prior

    def call(self, codes: Any) -> Any:
        return self.prior.log_prob(codes)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **_: Any
    ) -> Any:
        log_prob = y_pred
        if sample_weight is not None:
            log_prob = log_prob * tf.cast(sample_weight, log_prob.dtype)
        return -tf.reduce_mean(log_prob)
