"""Pixels as a camera or a file gives them."""

from typing import Any

import keras

from kvae import checks
from kvae.contract import Domain
from kvae.transforms.rescaling import Rescaling
from kvae.transforms.transform import Transform

__all__ = ["Pixels"]


@keras.saving.register_keras_serializable(package="kvae")
class Pixels(Rescaling):
    """y = x / (2^bits - 1): whole numbers from 0 to 2^bits - 1 become numbers in [0, 1].

    Args:
        bits: bits of a pixel, 1 to 16.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `bits` is not an integer from 1 to 16.

    Example:
        >>> likelihood = kvae.layers.Transformed(
        ...     kvae.layers.DiscretizedLogistic((8, 8, 3)), kvae.transforms.Pixels()
        ... )
        >>> print(likelihood.domain)
        whole numbers in [0, 255]
    """

    def __init__(self, bits: int = 8, **kwargs: Any):
        self.bits = checks.positive_int("bits", bits)
        if self.bits > 16:
            raise ValueError(f"Expected bits to be at most 16. Received: bits={bits!r}")
        super().__init__(1.0 / (2**self.bits - 1), **kwargs)

    def domain(self, inner: Domain) -> Domain:
        """Return the whole numbers from 0 to 2^bits - 1; `inner` has to hold [0, 1]."""
        if inner.integer or inner.categories or inner.columns or inner.low > 0 or inner.high < 1:
            return Transform.domain(self, inner)
        return Domain(0.0, 2.0**self.bits - 1.0, integer=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this transform again."""
        config = super().get_config()
        del config["scale"], config["offset"]
        return {**config, "bits": self.bits}
