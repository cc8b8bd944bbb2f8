"""The base of all conditions."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.contract import InputSpec
from kvae.noise import uniform

__all__ = ["Condition"]


@keras.saving.register_keras_serializable(package="kvae")
class Condition(keras.layers.Layer):
    """A condition c of a model p(x|c): its valid raw values, and the vector that networks read.

    Called on raw conditions (batch, *shape) the layer returns vectors (batch, size). A subclass
    defines `size`, `spec`, `missing_value` and `vector`, and creates its weights in `build`.

    Args:
        shape: shape of one raw condition, without the batch axis.
        drop: share of the examples in [0, 1) whose condition training replaces by a missing one.
            The model then also learns p(x) without the condition.
        missing: whether a condition may be missing; by default where `drop` is above zero. A
            learned null token stands for it.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `drop` is not in [0, 1), or is above zero although `missing` is False.

    Example:
        >>> condition = kvae.conditions.Classes(3, drop=0.1)
        >>> isinstance(condition, kvae.conditions.Condition), condition.size
        (True, 3)

    References:
        Ho, Salimans: Classifier-Free Diffusion Guidance, 2022, section 3,
        https://arxiv.org/abs/2207.12598 (training with dropped conditions)
    """

    xla_pays = True  # see `kvae.training.execution`

    def __init__(
        self,
        shape: tuple[int, ...],
        drop: float = 0.0,
        missing: bool | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.shape = tuple(shape)
        self.drop = checks.share("drop", drop)
        self.missing = self.drop > 0.0 if missing is None else bool(missing)
        if self.drop and not self.missing:
            raise ValueError(
                "Expected missing to be True where conditions are dropped. Received: "
                f"drop={drop!r}, missing={missing!r}"
            )

    @property
    def size(self) -> int:
        """Number of elements of the vector that networks read."""
        raise NotImplementedError(f"{type(self).__name__} must define size")

    @property
    def missing_value(self) -> Any:
        """The raw value that stands for a missing condition: a number or an array of `shape`."""
        raise NotImplementedError(f"{type(self).__name__} must define missing_value")

    def spec(self) -> InputSpec:
        """Return what a raw condition has to be."""
        raise NotImplementedError(f"{type(self).__name__} must define spec")

    def vector(self, condition: Any) -> Any:
        """Return the vectors (batch, size) in float32 of raw conditions (batch, *shape)."""
        raise NotImplementedError(f"{type(self).__name__} must define vector")

    def transforms(self) -> list[tuple[Any, Any]]:
        """Return the transforms that `adapt` fits, see `LatentModel.transforms`."""
        return []

    def dropped(self, condition: Any, seed: Any) -> Any:
        """Return raw conditions of which a share `drop` is replaced by missing ones.

        Args:
            condition: tensor (batch, *shape).
            seed: two integers. The same examples are chosen with and without XLA.
        """
        if not self.drop:
            return condition
        chosen = uniform(tf.shape(condition)[:1], seed) < self.drop
        chosen = tf.reshape(chosen, [-1, *[1] * len(self.shape)])
        return tf.where(chosen, tf.cast(self.missing_value, condition.dtype), condition)

    def add_float32_weight(self, shape: tuple[int, ...], initializer: Any, name: str) -> Any:
        """Add a weight that is read in float32 under every dtype policy; for subclasses."""
        return self.add_weight(
            shape=shape, initializer=initializer, dtype="float32", name=name, autocast=False
        )

    def add_null_token(self, initial: Any = 0.0) -> None:
        """Add the vector that stands for a missing condition, where one may be missing."""
        if self.missing:
            values = np.broadcast_to(np.asarray(initial, "float32"), (self.size,))
            constant = keras.initializers.Constant(values)
            self.null_token = self.add_float32_weight((self.size,), constant, "null_token")

    def call(self, condition: Any) -> Any:
        """Return the vectors of raw conditions, (batch, size)."""
        return tf.cast(self.vector(tf.convert_to_tensor(condition)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, size)."""
        return (next(iter(input_shape)), self.size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that all conditions have."""
        return {**super().get_config(), "drop": self.drop, "missing": self.missing}
