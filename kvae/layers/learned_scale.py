"""A scale that is a weight of the decoder: the last layer of its network."""

from typing import Any

import keras
from keras import ops

from kvae import checks
from kvae.layers.loc_scale_layer import check_min_scale
from kvae.layers.scale import DEFAULT_MIN_SCALE, AtLeast, raw_bound
from kvae.special_functions import softplus_inverse

__all__ = ["LearnedScale"]


@keras.saving.register_keras_serializable(package="kvae")
class LearnedScale(keras.layers.Layer):
    """Append a learned scale to a network's output: loc -> the params of `IndependentNormal`.

    (batch, ..., C) becomes (batch, ..., 2 C): the blocks [loc, raw scale], where the raw scale is a
    weight, the same for all examples, and the scale is softplus(raw). The packing fits
    `IndependentLaplace` and `IndependentLogistic` as well. The optimizer's updates stop where the
    scale is `min_scale`; the likelihood layer applies its own bound after it.

    Args:
        shared: whether all elements share one scale; otherwise each has its own.
        initial: initial scale, a positive number in the unit of the data.
        min_scale: lower bound of the scale in the unit of the data, at most `initial`; by default
            0.001, see `IndependentNormal`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `initial` is not positive, or `min_scale` is not in [0, initial].

    Example:
        >>> likelihood = kvae.layers.IndependentNormal((8, 8, 1))
        >>> network = kvae.networks.mlp_decoder(2, likelihood.event_shape)
        >>> decoder = keras.Sequential([network, kvae.layers.LearnedScale(initial=0.1)])
        >>> decoder.output_shape == (None, *likelihood.params_shape)
        True
        >>> print(f"{likelihood.distribution(decoder(np.zeros((1, 2)))).stddev()[0, 0, 0, 0]:.3f}")
        0.100
    """

    xla_pays = True  # see `kvae.training.execution`

    def __init__(
        self,
        shared: bool = True,
        initial: float = 1.0,
        min_scale: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.shared = bool(shared)
        self.initial = checks.positive("initial", initial)
        self.min_scale = check_min_scale(min_scale)
        if self.initial < self._lowest:
            raise ValueError(
                "Expected initial to be at least min_scale. Received: "
                f"initial={initial!r}, min_scale={self._lowest!r}"
            )

    @property
    def _lowest(self) -> float:
        return DEFAULT_MIN_SCALE if self.min_scale is None else self.min_scale

    def build(self, input_shape: Any) -> None:
        """Create the raw scale: a scalar, or one for each element."""
        shape = () if self.shared else tuple(input_shape)[1:]
        if None in shape:
            raise ValueError(
                "Expected an input whose shape is known beyond the batch, for a scale per element."
                f" Received: input_shape={tuple(input_shape)}"
            )
        self.raw_scale = self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(softplus_inverse(self.initial)),
            constraint=AtLeast(raw_bound(self._lowest)),
            name="raw_scale",
        )
        super().build(input_shape)

    def call(self, loc: Any) -> Any:
        """Return the params [loc, raw scale], shape (batch, ..., 2 C)."""
        raw_scale = ops.cast(self.raw_scale, loc.dtype)
        return ops.concatenate([loc, ops.broadcast_to(raw_scale, ops.shape(loc))], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, ..., 2 C)."""
        return (*tuple(input_shape)[:-1], 2 * input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {
            **super().get_config(),
            "shared": self.shared,
            "initial": self.initial,
            "min_scale": self.min_scale,
        }
