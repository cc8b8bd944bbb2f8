"""The base of all penalties on a posterior."""

import re
from typing import Any

import keras

from kvae.contract import Batch, Latent, Term
from kvae.contract.term import check_names, total
from kvae.regularizers.schedules import Schedule, number_or_schedule

__all__ = ["Regularizer", "value_at"]


@keras.saving.register_keras_serializable(package="kvae")
class Regularizer(keras.regularizers.Regularizer):
    """A penalty on a posterior, given as `activity_regularizer` to its distribution layer.

    A plain Keras regularizer reads only the layer's output. This one reads the posterior, its
    draw, the inputs and weights of the batch, and the training step. It adds the term

        weight * mean over the batch of values

    to the loss, under its name. Regularizers add up: `a + b`.

    A subclass defines `values`.

    Args:
        weight: factor of the penalty, a number of at least 0 or a `kvae.regularizers.Schedule`.
        name: name of the term in the logs; by default that of the class in snake case. A model
            with two regularizers of a kind needs one.

    Raises:
        ValueError: If `weight` is negative or neither a number nor a schedule, or `name` is empty.

    Example:
        >>> @keras.saving.register_keras_serializable(package="docs")
        ... class SquaredMean(kvae.regularizers.Regularizer):
        ...     def values(self, latent, batch):
        ...         return tf.reduce_sum(latent.posterior.mean() ** 2, axis=-1)
        >>> q = tfd.MultivariateNormalDiag([[1.0, 2.0]], [[1.0, 1.0]])
        >>> regularizer = SquaredMean(weight=0.1)
        >>> regularizer.name, float(regularizer(kvae.contract.Latent(q.mean(), q)))
        ('squared_mean', 0.5)
    """

    default_name: str | None = None
    unit = "nats"
    needs_posterior = False  # whether it reads q(z|x), which a deterministic encoder does not have
    names_prior = False  # whether it names the prior of a deterministic encoder

    def __init__(self, weight: Any = 1.0, name: str | None = None):
        self.weight = number_or_schedule("weight", weight)
        if name is not None and (not isinstance(name, str) or not name.isidentifier()):
            raise ValueError(f"Expected name to be an identifier. Received: name={name!r}")
        self.given_name = name

    @property
    def name(self) -> str:
        """The name of its term in the logs."""
        if self.given_name is not None:
            return self.given_name
        return (
            self.default_name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        )

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """The Keras layers whose weights belong to this penalty, such as a learned prior."""
        return ()

    @property
    def parts(self) -> tuple["Regularizer", ...]:
        """The penalties that this one is the sum of."""
        return (self,)

    @property
    def kl_part(self) -> Any | None:
        """The first part that is a KL to a prior, or None."""
        return next((part for part in self.parts if part.is_kl), None)

    @property
    def is_kl(self) -> bool:
        """Whether the penalty is made of the KL to a prior."""
        return False

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules that the training step drives."""
        return (self.weight,) if isinstance(self.weight, Schedule) else ()

    @property
    def needs_step(self) -> bool:
        """Whether the penalty depends on the training step, so that its layer must count it."""
        return bool(self.schedules)

    @property
    def needs_seed(self) -> bool:
        """Whether the penalty makes draws of its own."""
        return False

    def steps_left(self, step: Any) -> int:
        """Return how many training steps after `step` all schedules have reached their end."""
        return max([0, *(schedule.steps - int(step) for schedule in self.schedules)])

    def weight_at(self, step: Any = None) -> Any:
        """Return the weight at training step `step`, a scalar."""
        return value_at(self.weight, step)

    def values(self, latent: Latent, batch: Batch) -> Any:
        """Return the penalty of each example without its weight, shape (B,); for subclasses.

        A penalty of the batch as a whole returns its scalar for every example.

        Args:
            latent: the draw, its posterior and prior.
            batch: inputs, weights of the examples and training step.
        """
        raise NotImplementedError(f"{type(self).__name__} must define values")

    def terms(self, latent: Latent, batch: Batch) -> list[Term]:
        """Return the terms of the loss, one for each part; none for a part that is off.

        Args:
            latent: as for `values`.
            batch: as for `values`.
        """
        # A part that is off costs nothing and cannot spread a NaN.
        terms = [part.term(latent, batch) for part in self.parts if not part.is_off]
        check_names(terms)
        return terms

    def term(self, latent: Latent, batch: Batch, prefix: str = "") -> Term:
        """Return the term of the loss that this penalty is; a sum has one for each part.

        Args:
            latent: as for `values`.
            batch: as for `values`.
            prefix: what precedes the name, in models with several latent groups.
        """
        values = self.values(latent, batch)
        return Term(f"{prefix}{self.name}", values, self.weight_at(batch.step), unit=self.unit)

    @property
    def is_off(self) -> bool:
        """Whether the weight is the number zero."""
        return not isinstance(self.weight, Schedule) and self.weight == 0.0

    def __call__(self, latent: Latent, batch: Batch | None = None) -> Any:
        """Return the weighted penalty of a batch, a scalar.

        Args:
            latent: as for `values`.
            batch: as for `values`; by default one without weights and steps.
        """
        batch = batch or Batch(inputs={"value": latent.value})
        return total(self.terms(latent, batch), batch)

    def __add__(self, other: Any) -> "Regularizer":
        """Return the sum of two regularizers."""
        from kvae.regularizers.sum import Sum

        return Sum([self, other]) if isinstance(other, Regularizer) else NotImplemented

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {
            "weight": keras.saving.serialize_keras_object(self.weight),
            "name": self.given_name,
        }

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self._repr_arguments().items())
        return f"{type(self).__name__}({arguments})"

    def _repr_arguments(self) -> dict[str, Any]:
        return {"weight": self.weight} | ({"name": self.given_name} if self.given_name else {})


def value_at(value: Any, step: Any) -> Any:
    """Return `value` where it is a number, or what the schedule `value` gives at `step`."""
    if not isinstance(value, Schedule):
        return value
    if step is None:
        raise ValueError(f"Expected step, the training step that {value!r} needs. Received: None")
    return value(step)
