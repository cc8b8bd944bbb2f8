"""The base of all objectives: a batch becomes the named terms of the loss."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Batch, Latent, Term

__all__ = ["Objective", "get"]


@keras.saving.register_keras_serializable(package="kvae")
class Objective:
    """What `compile(loss=...)` of a latent-variable model takes.

    A subclass defines `terms`; the model adds its own penalties to them and minimizes the sum of
    weight * mean. It is saved with the model's compile configuration.

    Args:
        draws: int K, draws of the latent variables for each example; None for one draw without
            an axis of its own.

    Raises:
        ValueError: If `draws` is not a positive integer.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class SquaredError(kvae.losses.Objective):
        ...     def terms(self, model, inputs, latents, batch):
        ...         likelihood = self.likelihood(model, inputs, latents, batch)
        ...         error = tf.reduce_sum((likelihood.mean() - inputs["x"]) ** 2, axis=[1, 2, 3])
        ...         return [kvae.contract.Term("squared_error", error, unit="")]
        >>> vae.compile("adam", loss=SquaredError())
    """

    def __init__(self, draws: int | None = None):
        self.draws = checks.optional_positive_int("draws", draws)

    def check(self, model: Any) -> None:
        """Raise a ValueError if the objective cannot train `model`; `compile` calls it."""

    def terms(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> list[Term]:
        """Return the terms of the loss.

        Args:
            model: the `LatentModel`.
            inputs: tensors (B, ...) by name.
            latents: what the model inferred, in ancestral order.
            batch: weights of the examples and training step.
        """
        raise NotImplementedError(f"{type(self).__name__} must define terms")

    def term_names(self, model: Any) -> list[str]:
        """Return the names of the terms as far as they are known before the first batch."""
        return []

    def likelihood(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> Any:
        """Return p(x|z) at the inferred values; the model's metrics use the same one.

        Args:
            model: as for `terms`, also for the next three.
            inputs: see `terms`.
            latents: see `terms`.
            batch: see `terms`.
        """
        likelihood = model.likelihood_at(latents, inputs.get("condition"), batch.training)
        likelihood = replace(likelihood, batch=replace(batch, notes={}))
        batch.notes["likelihood"] = likelihood
        return likelihood

    @classmethod
    def log_likelihood(
        cls,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> Any:
        """Return log p(target|z) at each of K draws in nats, shape (K, B).

        `batch.notes["likelihood_of_draws"]` holds p(x|z) then, of the K * B rows.

        Args:
            model: as for `terms`, also for the next three.
            inputs: see `terms`.
            latents: see `terms`, with K draws each.
            batch: see `terms`.
        """
        draws = tf.shape(next(iter(latents.values())).value)[0]
        rows = {name: latent.rows() for name, latent in latents.items()}
        tiled = {
            name: tf.tile(value, [draws, *[1] * (len(value.shape) - 1)])
            for name, value in inputs.items()
        }
        likelihood = model.likelihood_at(rows, tiled.get("condition"), batch.training)
        weight = None if batch.weight is None else tf.tile(batch.weight, [draws])
        of_rows = replace(batch, inputs=tiled, weight=weight, notes={})
        likelihood = replace(likelihood, batch=of_rows)
        batch.notes["likelihood_of_draws"] = likelihood
        return tf.reshape(-cls.nll(likelihood, tiled), [draws, -1])

    @staticmethod
    def target(inputs: Mapping[str, Any]) -> Any:
        """Return what the likelihood is to explain: the target, by default x itself."""
        return inputs.get("target", inputs["x"])

    @classmethod
    def nll(cls, likelihood: Any, inputs: Mapping[str, Any]) -> Any:
        """Return -log p(target|z) of each example in nats, shape (B,), over observed elements.

        Args:
            likelihood: the `Likelihood` p(x|z).
            inputs: tensors (B, ...) by name.
        """
        return -likelihood.log_prob(cls.target(inputs), inputs.get("observed"))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this objective again."""
        return {"draws": self.draws}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        """Return the objective that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        given = [
            f"{name}={value!r}" for name, value in self.get_config().items() if value is not None
        ]
        return f"{type(self).__name__}({', '.join(given)})"


def get(identifier: Any) -> Objective:
    """Return `identifier` (an objective, its config, "elbo" or None) as an `Objective`.

    Raises:
        ValueError: If it is something else, such as a Keras loss.

    Example:
        >>> kvae.losses.get(None)
        NegativeELBO()
    """
    from kvae.losses.negative_elbo import NegativeELBO

    if identifier is None or identifier == "elbo":
        return NegativeELBO()
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Objective):
        return identifier
    raise ValueError(
        "Expected loss to be a kvae.losses.Objective, or None for the negative ELBO: the "
        "reconstruction loss of a latent-variable model is its likelihood. A Keras loss belongs in "
        f"metrics. Received: loss={identifier!r}"
    )
