"""Transposed convolutions from features of a small grid to the parameters of a picture."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae.networks import blocks
from kvae.networks.sizes import cropped

__all__ = ["picture_params"]


def picture_params(
    x: Any, filters: Sequence[int], params_shape: tuple[int, int, int], activation: str, name: str
) -> Any:
    """Return parameters (batch, H, W, C) of a picture, made of features (batch, h, w, c).

    Each transposed convolution doubles height and width. What is over is cropped before the last
    convolution.

    Args:
        x: features; h and w are at least H and W divided by 2 ** len(filters).
        filters: channels of the transposed convolutions.
        params_shape: (H, W, C).
        activation: activation of the transposed convolutions.
        name: prefix of the layers' names.

    Example:
        >>> from kvae.networks.transposed import picture_params
        >>> picture_params(keras.Input((7, 5, 8)), [16], (14, 9, 2), "relu", "decoder").shape
        (None, 14, 9, 2)
    """
    height, width, channels = params_shape
    for index, units in enumerate(filters):
        x = blocks.conv2d_transpose(
            units, strides=2, activation=activation, name=f"{name}_conv_{index}"
        )(x)
    last = keras.layers.Conv2D(channels, kernel_size=3, name=f"{name}_params", **blocks.SHAPED)
    return last(cropped(x, (height, width)))
