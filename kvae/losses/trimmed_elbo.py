"""The negative ELBO of the examples that the model explains best."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Batch, Latent, Term
from kvae.layers.observed import not_missing
from kvae.losses.negative_elbo import NegativeELBO
from kvae.sums import ordered_sum

__all__ = ["TrimmedELBO"]


@keras.saving.register_keras_serializable(package="kvae")
class TrimmedELBO(NegativeELBO):
    """The negative ELBO without the share of each training batch whose loss is highest.

    It makes training robust to anomalies among the training data: a model that has not learned
    them keeps them improbable. The share should be at least that of the anomalies. Normal examples
    that are rare are left out with them, and get a lower likelihood than by `NegativeELBO`.

    Where the likelihood has transforms, such as `kvae.layers.Transformed`, examples are compared
    by the density of the transformed data: the derivative of the transform depends on no weight,
    and would leave out the tails whatever the model has learned.

    Each term is multiplied by B / kept for the examples that are kept and zero for the others, so
    that its mean over the batch is that of those kept. In `evaluate` nothing is left out. The
    share is that of each replica's part of a batch.

    Args:
        share: share of a batch that is left out, in [0, 1).
        draws: see `NegativeELBO`.

    Raises:
        ValueError: If `share` is not in [0, 1), or, in the first step, if the likelihood has an
            optimal scale.

    Example:
        >>> vae.compile("adam", loss=kvae.losses.TrimmedELBO(share=0.1))
        >>> history = vae.fit(x_train[:64], verbose=0)

    References:
        Rousseeuw: Least Median of Squares Regression, 1984,
        https://doi.org/10.1080/01621459.1984.10477105 (least trimmed squares)
    """

    def __init__(self, share: float = 0.1, draws: int | None = None):
        super().__init__(draws)
        self.share = checks.share("share", share)

    def terms(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> list[Term]:
        """Return the terms of the examples that are kept, see `Objective.terms`."""
        terms = super().terms(model, inputs, latents, batch)
        if not batch.training:
            return terms
        terms = [replace(term, values=tf.cast(term.values, tf.float32)) for term in terms]
        losses = ordered_sum(
            [tf.cast(term.weight, tf.float32) * term.values for term in terms if not term.is_off]
        )
        target = self.target(inputs)
        observed = not_missing(target, inputs.get("observed"))
        notes = batch.notes  # of several draws there is the likelihood of their rows alone
        likelihood = notes["likelihood" if self.draws is None else "likelihood_of_draws"]
        if likelihood.layer.learns_from_batches:
            raise ValueError(
                "Expected a likelihood that learns nothing from the batch by itself: an optimal "
                "scale would be that of the examples that are left out. Take one with a scale of "
                "its own, kvae.layers.IndependentNormal(event_shape). Received: "
                f"{likelihood.layer!r}"
            )
        derivative = likelihood.layer.log_derivative(target, observed)
        losses += tf.cast(derivative, tf.float32)
        examples = tf.shape(losses)[0]
        left_out = tf.cast(self.share * tf.cast(examples, tf.float32), tf.int32)
        highest = tf.sort(losses)[examples - left_out - 1]
        kept = tf.cast(losses <= highest, tf.float32)
        factor = tf.stop_gradient(kept / tf.reduce_mean(kept))
        return [replace(term, values=term.values * factor) for term in terms]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this objective again."""
        return {**super().get_config(), "share": self.share}
