"""Several penalties at once."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae.regularizers.regularizer import Regularizer
from kvae.regularizers.schedules import Schedule

__all__ = ["Sum"]


@keras.saving.register_keras_serializable(package="kvae")
class Sum(Regularizer):
    """The sum of several penalties, each with its own weight; `a + b` makes one.

    Args:
        parts: regularizers, at least one; the parts of a `Sum` among them are taken one by one.

    Raises:
        ValueError: If `parts` is empty, holds something else, or two of them have one name.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        >>> total = kl + kvae.regularizers.TotalCorrelation(dataset_size=1_000, weight=5.0)
        >>> [part.name for part in total.parts]
        ['kl', 'total_correlation']
    """

    def __init__(self, parts: Sequence[Any]):
        super().__init__(1.0)
        if not parts or not all(isinstance(part, Regularizer) for part in parts):
            raise ValueError(
                f"Expected parts to be kvae regularizers, at least one. Received: parts={parts!r}"
            )
        self._parts = tuple(each for part in parts for each in part.parts)
        names = [part.name for part in self._parts]
        if len(set(names)) < len(names):
            raise ValueError(
                "Expected the parts of a sum to have different names: give the second regularizer "
                f"of a kind a name=. Received: {', '.join(names)}"
            )

    @property
    def parts(self) -> tuple[Regularizer, ...]:
        """The penalties that this one is the sum of."""
        return self._parts

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """The layers of all parts, each once."""
        return tuple({id(layer): layer for part in self.parts for layer in part.layers}.values())

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules of all parts."""
        return tuple(schedule for part in self.parts for schedule in part.schedules)

    @property
    def needs_step(self) -> bool:
        """Whether a part depends on the training step."""
        return any(part.needs_step for part in self.parts)

    @property
    def needs_seed(self) -> bool:
        """Whether a part makes draws of its own."""
        return any(part.needs_seed for part in self.parts)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this regularizer again."""
        return {"parts": [keras.saving.serialize_keras_object(part) for part in self.parts]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sum":
        """Return the sum that `get_config` described."""
        parts = [keras.saving.deserialize_keras_object(part) for part in config["parts"]]
        # A prior that several parts share was written with each of them; its name tells.
        shared: dict[str, Any] = {}
        for part in parts:
            if hasattr(part, "prior"):
                part.prior = shared.setdefault(part.prior.name, part.prior)
        return cls(parts)

    def __repr__(self) -> str:
        return f"Sum({' + '.join(map(repr, self.parts))})"
