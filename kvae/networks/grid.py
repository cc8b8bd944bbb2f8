"""Convolutional networks between pictures and a grid of vectors, as plain Keras models."""

from collections.abc import Sequence
from typing import Any

import keras

from kvae import checks
from kvae.networks import blocks
from kvae.networks.transposed import picture_params

__all__ = ["grid_decoder", "grid_encoder"]


def grid_encoder(
    event_shape: Any,
    dim: int,
    filters: Sequence[int] = (32, 64),
    activation: str = "relu",
    name: str = "encoder",
) -> keras.Model:
    """Return a network (batch, H, W, C) -> (batch, h, w, dim).

    Each convolution of `filters` halves height and width (rounded up).

    Args:
        event_shape: (H, W, C), any size.
        dim: elements of a vector.
        filters: channels of the convolutions.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.

    Raises:
        ValueError: If a size is not a positive integer, or the event is not an image.

    Example:
        >>> kvae.networks.grid_encoder((28, 28, 1), 4).output_shape
        (None, 7, 7, 4)
    """
    inputs = keras.Input(checks.image_shape(event_shape, "event_shape"))
    outputs = inputs
    for index, channels in enumerate(filters):
        outputs = blocks.conv2d(
            channels, strides=2, activation=activation, name=f"{name}_conv_{index}"
        )(outputs)
    if filters:
        outputs = blocks.conv2d(filters[-1], activation=activation, name=f"{name}_conv_last")(
            outputs
        )
    dim = checks.positive_int("dim", dim)
    outputs = keras.layers.Conv2D(
        dim, kernel_size=1, **blocks.CHANNELS_LAST, name=f"{name}_vectors"
    )(outputs)
    return keras.Model(inputs, outputs, name=name)


def grid_decoder(
    grid_shape: Any,
    params_shape: Any,
    filters: Sequence[int] = (64, 32),
    activation: str = "relu",
    name: str = "decoder",
) -> keras.Model:
    """Return a network (batch, h, w, dim) -> (batch, H, W, C).

    Each transposed convolution of `filters` doubles height and width; what is over is cropped.

    Args:
        grid_shape: (h, w, dim), the output of `grid_encoder` for one example.
        params_shape: the likelihood's `params_shape`, (H, W, C).
        filters: channels of the transposed convolutions.
        activation: activation of the hidden layers.
        name: name of the model, and the prefix of its layers' names.

    Raises:
        ValueError: If a size is not a positive integer, a shape is not one of an image, or the grid
            is too small for the picture.

    Example:
        >>> kvae.networks.grid_decoder((7, 7, 4), (28, 28, 1)).output_shape
        (None, 28, 28, 1)
    """
    rows, columns, dim = checks.image_shape(grid_shape, "grid_shape")
    shape = checks.image_shape(params_shape, "params_shape")
    step = 2 ** len(filters)
    if rows * step < shape[0] or columns * step < shape[1]:
        raise ValueError(
            f"Expected grid_shape to cover params_shape at a step of {step}. Received: grid_shape="
            f"{(rows, columns, dim)}, params_shape={shape}"
        )
    inputs = keras.Input((rows, columns, dim))
    outputs = inputs
    if filters:
        outputs = blocks.conv2d(filters[0], activation=activation, name=f"{name}_conv_first")(
            outputs
        )
    outputs = picture_params(outputs, filters, shape, activation, name)
    return keras.Model(inputs, outputs, name=name)
