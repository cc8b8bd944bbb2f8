"""What a model says of its own training: evidence for a diagnosis beside the numbers."""

from dataclasses import dataclass

import keras

from kvae.evaluation.gaussian_vector import LatentVector
from kvae.losses import NegativeELBO
from kvae.models.latent_model import LatentModel
from kvae.priors import StandardNormal

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a model that its diagnosis may not contradict.

    Attributes:
        beta: weight of the KL at the end of training; None where the loss is not nll + beta * KL,
            such as with free bits, a capacity, a further penalty or an importance-weighted
            objective.
        sampled: whether the decoder is known to have been trained on samples of the posterior, as
            after `fit`; False where it is not known, as of a model put together of trained parts.
        steps: training steps on record, see `LatentModel.training_steps`; 0 where none are.
        prior: name of the prior's class.
        learned_prior: whether the prior has trained weights.
        penalties: names of the penalties of the posterior.

    Example:
        >>> settings = kvae.diagnose(vae, x_test).settings
        >>> settings.beta, settings.prior, settings.sampled
        (1.0, 'StandardNormal', True)
    """

    beta: float | None = None
    sampled: bool = False
    steps: int = 0
    prior: str = StandardNormal.__name__
    learned_prior: bool = False
    penalties: tuple[str, ...] = ("kl",)

    @classmethod
    def of(cls, vector: LatentVector) -> "TrainingSettings":
        """Return the settings of a model."""
        model, regularizer = vector.model, vector.model.regularizers()[vector.name]
        parts = [] if regularizer is None else list(regularizer.parts)
        active = [part for part in parts if not part.is_off]
        kl = None if regularizer is None else regularizer.kl_part
        beta = None
        if (
            kl is not None
            and kl.is_plain_kl
            and all(part is kl for part in active)
            and isinstance(model.objective, NegativeELBO)
            and type(model).penalties is LatentModel.penalties
        ):
            beta = float(keras.ops.convert_to_numpy(kl.weight_at(model.step())))
        steps = model.training_steps()
        return cls(
            beta=beta,
            sampled=steps > 0,
            steps=steps,
            prior=type(model.prior).__name__,
            learned_prior=bool(model.prior.trainable_weights),
            penalties=tuple(part.name for part in active),
        )

    def sentences(self) -> tuple[str, ...]:
        """Return the settings in words."""
        beta = "" if self.beta is None else f", weight of the KL {self.beta:g}"
        trained = "no training steps on record"
        if self.sampled:
            trained = f"{self.steps:,} training steps, on samples of the posterior"
        return (f"settings: {trained}; prior {self.prior}{beta}",)
