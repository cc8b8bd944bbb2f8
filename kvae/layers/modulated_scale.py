"""A scale for each element, which a decoder may change within limits: its network's last layer."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.layers.scale import STANDARDIZED_MIN_SCALE
from kvae.special_functions import expm1, softplus, softplus_inverse

__all__ = ["ModulatedScale"]


@keras.saving.register_keras_serializable(package="kvae")
class ModulatedScale(keras.layers.Layer):
    """[loc, r] -> the params [loc, raw scale] of `IndependentNormal`, with bounded changes by r.

        scale_i = s_i exp(strength tanh(r_i)),    s_i = softplus(w_i) + min_scale,

    where w_i is a weight of element i, the same for all examples. A decoder that is free to choose
    every scale explains an outlier by a wide distribution, or a constant by a very narrow one;
    with one scale for each element alone it cannot tell quiet regions from noisy ones. Here an
    example's scale is within a factor exp(strength) of that of its element.

    In front of a `kvae.layers.Columns` only some params are such pairs: `places` says where they
    are, and all others pass unchanged.

    Args:
        strength: bound of the change of the log scale, a positive number.
        initial: s_i at the beginning, in the unit of the data, larger than `min_scale`.
        min_scale: lower bound of s_i in the unit of the data, a positive number.
        places: indices of each loc along the last axis, whose r follows it; None for an input that
            is all loc and all r.
        changes: indices of the r of `places` where they do not follow them.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> layer = kvae.layers.ModulatedScale(strength=1.0)
        >>> likelihood = kvae.layers.IndependentNormal(1)
        >>> params = layer(tf.constant([[5.0, 0.0], [5.0, 99.0]]))
        >>> likelihood.distribution(params).stddev().numpy().round(3)
        array([[1.   ],
               [2.718]], dtype=float32)
    """

    xla_pays = True  # see `kvae.training.execution`

    def __init__(
        self,
        strength: float = 0.7,
        initial: float = 1.0,
        min_scale: float = STANDARDIZED_MIN_SCALE,
        places: Sequence[int] | None = None,
        changes: Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.strength = checks.positive("strength", strength)
        self.initial = checks.positive("initial", initial)
        self.min_scale = checks.positive("min_scale", min_scale)
        if self.initial <= self.min_scale:
            raise ValueError(
                "Expected initial to be larger than min_scale. Received: "
                f"initial={initial!r}, min_scale={min_scale!r}"
            )
        if places is not None:
            places = [checks.non_negative_int("places", place) for place in places]
            after = [place + 1 for place in places] if changes is None else changes
            after = [checks.non_negative_int("changes", place) for place in after]
            different = len({*places, *after}) == 2 * len(places) == len(places) + len(after)
            if not places or np.min(np.diff(places), initial=1) < 1 or not different:
                raise ValueError(
                    "Expected places to hold increasing indices, none of them next to another "
                    "unless changes says where their r are. Received: "
                    f"places={places}, changes={changes}"
                )
        elif changes is not None:
            raise ValueError(f"Expected changes with places alone. Received: changes={changes}")
        self.places = places
        self.changes = None if changes is None else list(after)

    def build(self, input_shape: Any) -> None:
        """Create the weight of each element, for an input (batch, ..., 2 C)."""
        *outer, last = tuple(input_shape)[1:]
        if self.places is not None:
            if last is None or max(self._after()) >= last:
                raise ValueError(
                    "Expected an input whose last axis holds a number after each of places="
                    f"{self.places}. Received: input_shape={tuple(input_shape)}"
                )
            last = 2 * len(self.places)
        if last % 2 or None in outer:
            raise ValueError(
                "Expected an input (batch, ..., 2 C) whose shape is known beyond the batch. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.raw_scale = self.add_weight(
            shape=(*outer, last // 2),
            initializer=keras.initializers.Constant(
                softplus_inverse(self.initial - self.min_scale)
            ),
            name="raw_scale",
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return [loc, raw scale], of the shape of the input."""
        if self.places is None:
            loc, change = tf.split(inputs, 2, axis=-1)
            return tf.concat([loc, self._raw(change)], axis=-1)
        width, count = inputs.shape[-1], len(self.places)
        after = self._after()
        raw = self._raw(tf.gather(inputs, after, axis=-1))
        order = list(range(width))
        for place, own in zip(after, range(width, width + count), strict=True):
            order[place] = own
        return tf.gather(tf.concat([inputs, raw], axis=-1), order, axis=-1)

    def _after(self) -> list[int]:
        """Return the indices of the r of `places`."""
        assert self.places is not None
        return [place + 1 for place in self.places] if self.changes is None else self.changes

    def _raw(self, change: Any) -> Any:
        """Return the raw scale for the change r."""
        base = softplus(tf.cast(self.raw_scale, change.dtype)) + self.min_scale
        scale = base * tf.exp(self.strength * tf.tanh(change))
        return scale + tf.math.log(-expm1(-scale))  # softplus(raw) = scale

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {
            **super().get_config(),
            "strength": self.strength,
            "initial": self.initial,
            "min_scale": self.min_scale,
            "places": self.places,
            **({} if self.changes is None else {"changes": self.changes}),
        }
